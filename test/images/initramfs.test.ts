/** Files of an initramfs, read by the commands that a guest runs, on archives as dracut and the kernel know them. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { readInitramfs } from "../../harness/guest/tools/initramfs.ts";
import { cpioArchive } from "../../images/reference/cpio.ts";

const name = "usr/lib/ostree/prepare-root.conf";
const other = "etc/ostree/prepare-root.conf";
const withSetting = (content: string, path = name): Buffer =>
  cpioArchive([
    { name: "usr/share/words", mode: 0o100644, content: `see ${name} and ${other}\n` },
    { name: path, mode: 0o100644, content },
  ]);
const early = Buffer.concat([
  cpioArchive([
    { name: "kernel/x86/microcode/GenuineIntel.bin", mode: 0o100644, content: "x" },
    // As dracut 111 has it: modules that are compressed already.
    ...Array.from({ length: 300 }, (_, index) => ({
      ...{ name: `usr/lib/modules/7.2.0/kernel/${index}.ko.xz`, mode: 0o100644 },
      content: "no TRAILER!!! of its own",
    })),
  ]),
  Buffer.alloc(512),
]);
const packed = (program: string, data: Buffer): Buffer =>
  spawnSync(program, ["-c"], { input: data }).stdout;

let folder = "";
const shell: GuestIo = {
  name: "candidate",
  timeScale: 1,
  lookAt: "console.log",
  async exec(command) {
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", command]);
    const [out, err] = [stdout.toString(), stderr.toString()];
    return { command, stdout: out, stderr: err, exitCode: status, durationMs: 0, truncated: false };
  },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-initramfs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(...parts: readonly Buffer[]) {
  const path = join(folder, "initramfs.img");
  await writeFile(path, Buffer.concat(parts));
  const found = await readInitramfs(shell, path, [name, other]);
  return "unreadable" in found ? found.unreadable : [found.get(name), found.get(other)];
}

test.each(["gzip", "zstd", "xz"])("behind microcode, made by %s", async (program) => {
  expect(await read(early, packed(program, withSetting("one\n")))).toEqual(["one\n", null]);
});

test("not compressed at all", async () => {
  expect(await read(withSetting("one\n", `./${other}`))).toEqual([null, "one\n"]);
});

test("of two files the later one wins, as for the kernel", async () => {
  const gzip = (text: string) => packed("gzip", withSetting(text));
  expect(await read(early, gzip("one\n"), gzip("two\n"))).toEqual(["two\n", null]);
  const padded = Buffer.concat([gzip("one\n"), Buffer.alloc(4)]);
  expect(await read(early, padded, withSetting("plain\n"))).toEqual(["plain\n", null]);
  expect(await read(withSetting("early\n"), gzip("main\n"))).toEqual(["main\n", null]);
});

/** Links to one file, of which those with content carry it, as cpio writes equal files that dracut has linked. */
const links = (...entries: readonly (readonly [path: string, content: string])[]): Buffer => {
  const hex = (value: number): string => value.toString(16).padStart(8, "0").toUpperCase();
  const parts = entries.map(([path, content]) => {
    const fields = [7, 0o100644, 0, 0, entries.length, 0, content.length, 0, 3, 0, 0];
    const header = `070701${[...fields, path.length + 1, 0].map(hex).join("")}${path}\0`;
    const pad = (text: string): string => text.padEnd((text.length + 3) & ~3, "\0");
    return Buffer.from(pad(header) + pad(content), "latin1");
  });
  return Buffer.concat([...parts, cpioArchive([])]);
};

test.each([
  ["last", links([name, ""], ["etc/else", ""], [other, "one\n"])],
  ["first", links([other, "one\n"], ["etc/else", ""], [name, ""])],
])("of links the %s one may carry the content", async (_, archive) => {
  expect(await read(early, packed("gzip", archive))).toEqual(["one\n", "one\n"]);
  expect(await read(archive)).toEqual(["one\n", "one\n"]);
  // The number again, in another archive.
  const next = links(["etc/other", ""], ["etc/another", "two\n"]);
  expect(await read(archive, next)).toEqual(["one\n", "one\n"]);
});

test("an empty file is empty, linked or not", async () => {
  expect(await read(links([name, ""], [other, ""]))).toEqual(["", ""]);
  expect(await read(withSetting(""))).toEqual(["", null]);
});

test("what is compressed in an unknown way is said so", async () => {
  expect(await read(early, Buffer.from("not an archive at all"))).toMatch(/not known here/);
});

test("an empty one has nothing", async () => {
  expect(await read()).toEqual([null, null]);
});
