/** How the stand-in imports a layer: what ostree is given of it, and that nothing is committed of one that is damaged. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PythonLines, startPython } from "./support/python-lines.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Entry {
  readonly name: string;
  readonly kind?: "0" | "1" | "2" | "3" | "5" | "6";
  readonly text?: string;
  readonly link?: string;
  /** GNU's long name before the header, or pax records. */
  readonly long?: "gnu" | "pax";
}
interface Told {
  readonly error: string | null;
  readonly members: readonly (readonly string[])[] | null;
  readonly calls: string;
}

function header(name: string, kind: string, size: number, link: string): Buffer {
  const block = Buffer.alloc(512);
  block.write(name.slice(0, 100), 0);
  block.write("0000644\0" + "0000000\0".repeat(2), 100);
  block.write(`${size.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0`, 124);
  block.write("        ", 148);
  block.write(kind, 156);
  block.write(link.slice(0, 100), 157);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

const padded = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc(-data.length & 511)]);

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}

function tar(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, kind = "0", text = "", link = "", long }) => {
    const body = Buffer.from(text);
    const before = (type: string, data: Buffer): Buffer[] => [
      header("././@Long", type, data.length, ""),
      padded(data),
    ];
    return [
      ...(long === "gnu" ? before("L", Buffer.from(`${name}\0`)) : []),
      ...(long === "pax"
        ? before("x", Buffer.from(paxRecord("path", name) + paxRecord("mtime", "1.5")))
        : []),
      header(name, kind, body.length, link),
      padded(body),
    ];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

interface Case {
  readonly blob: Buffer;
  readonly said?: Readonly<Record<string, unknown>>;
}

let python: PythonLines;
beforeAll(() => {
  python = startPython(here("support/standin_import.py"));
  python.write({ standin: here("../../images/reference/standin") });
});
afterAll(() => python.end());

async function play(cases: readonly Case[]): Promise<Told[]> {
  const told: Told[] = [];
  for (const { blob, said } of cases)
    told.push((await python.ask({ blob: blob.toString("base64"), said: said ?? {} })) as Told);
  return told;
}

const deep = `etc/${"x".repeat(120)}/file`;
const deepUsr = `usr/${"y".repeat(120)}/file`;

describe("what ostree is given", () => {
  test("/etc becomes /usr/etc, whiteouts and devices are left out, everything else is as it was", async () => {
    const entries: readonly Entry[] = [
      { name: "./", kind: "5" },
      { name: "./etc/", kind: "5" },
      { name: "etc/hostname", text: "x\n" },
      { name: "usr/bin/tool", text: "y".repeat(1000) },
      { name: "usr/bin/same", kind: "1", link: "./usr/bin/tool" },
      { name: "etc/same", kind: "1", link: "etc/hostname" },
      { name: "etc/link", kind: "2", link: "etc/hostname" },
      { name: "etcetera", text: "not /etc" },
      { name: "dev/null", kind: "3" },
      { name: "run/pipe", kind: "6" },
      { name: "usr/lib/.wh.gone" },
      { name: "etc/.wh.old" },
      { name: "opt/.wh..wh..opq" },
      { name: deep, text: "deep", long: "pax" },
      { name: deepUsr, text: "deep", long: "gnu" },
    ];
    const [told] = await play([{ blob: gzipSync(tar(entries)) }]);
    expect(told?.error).toBeNull();
    expect(told?.members).toEqual([
      [".", "5", "", ""],
      ["usr/etc", "5", "", ""],
      ["usr/etc/hostname", "0", "", "x\n"],
      ["usr/bin/tool", "0", "", "y".repeat(1000)],
      ["usr/bin/same", "1", "./usr/bin/tool", ""],
      ["usr/etc/same", "1", "usr/etc/hostname", ""],
      ["usr/etc/link", "2", "etc/hostname", ""],
      ["etcetera", "0", "", "not /etc"],
      [`usr/${deep}`, "0", "", "deep"],
      [deepUsr, "0", "", "deep"],
    ]);
    expect(told?.calls).toContain('bootgate.whiteouts=["/usr/lib/gone", "/usr/etc/old", "/opt"]');
  });

  test("a gzip of several members is one layer", async () => {
    const whole = tar([{ name: "usr/a", text: "a" }]);
    const blob = Buffer.concat([gzipSync(whole.subarray(0, 700)), gzipSync(whole.subarray(700))]);
    const [told] = await play([{ blob }]);
    expect(told).toMatchObject({ error: null, members: [["usr/a", "0", "", "a"]] });
  });
});

describe("nothing is committed of a layer that is damaged", () => {
  const good = tar([{ name: "usr/a", text: "a".repeat(2000) }]);
  const packed = gzipSync(good);
  const wrong = Buffer.from(good);
  wrong[3] = 0x7a;
  const other = createHash("sha256").update("another").digest("hex");
  const broken = Buffer.from(packed);
  broken[20] = (broken[20] ?? 0) ^ 0xff;
  test.each<[string, Case, RegExp]>([
    [
      "the blob is not there",
      { blob: packed, said: { digest: `sha256:${other}` } },
      /: (?:Corrupted blob, expecting sha256:|unexpected end of file$)/,
    ],
    [
      "the blob is longer than its descriptor says",
      { blob: packed, said: { size: packed.length - 8 } },
      /: (?:unexpected end of file|Corrupted blob)/,
    ],
    [
      "the blob is shorter",
      { blob: packed, said: { size: packed.length + 1 } },
      /: Corrupted blob, expecting sha256:/,
    ],
    ["the gzip ends early", { blob: packed.subarray(0, -20) }, /: unexpected end of file$/],
    ["the gzip is damaged", { blob: broken }, /: invalid gzip data: |: invalid tar header$/],
    ["the tar ends early", { blob: gzipSync(good.subarray(0, 1000)) }, /: unexpected end of file$/],
    ["a header is damaged", { blob: gzipSync(wrong) }, /: invalid tar header$/],
    ["it is not a tar", { blob: gzipSync(Buffer.alloc(4096, 0x41)) }, /: invalid tar header$/],
  ])("%s", async (_name, one, words) => {
    const [told] = await play([one]);
    expect(told?.members).toBeNull();
    expect(told?.calls).toBe("");
    expect(told?.error).toMatch(/^Importing: Parsing layer blob sha256:[0-9a-f]{64}: /);
    expect(told?.error).toMatch(words);
  });
});
