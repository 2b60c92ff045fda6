import { describe, expect, test } from "vitest";
import { isClearSigned, listedChecksums, signedText } from "../../images/origins/checksum-file.ts";

const hex = (digit: string): string => digit.repeat(64);
const armour = (body: string): string =>
  `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${body}\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n`;
const name = "Fedora-IoT-raw-43-20260101.0.x86_64.raw.xz";
const list = `# ${name}: 1 bytes\nSHA256 (${name}) = ${hex("a")}`;

test("Fedora's form and that of sha256sum are read, by the last part of a name", () => {
  expect([
    ...listedChecksums(`${list}\n${hex("B")}  ./some/where/b.raw\n${hex("c")} *c d.raw\n`),
  ]).toEqual([
    [name, new Set([hex("a")])],
    ["b.raw", new Set([hex("b")])],
    ["c d.raw", new Set([hex("c")])],
  ]);
});

test("two checksums for one name are both told, other kinds and noise not at all", () => {
  const text = `${hex("a")}  x\n${hex("b")}  x\nSHA512 (y) = ${hex("a")}${hex("a")}\nMD5 (y) = 12\n<html>\n`;
  expect([...listedChecksums(text)]).toEqual([["x", new Set([hex("a"), hex("b")])]]);
});

describe("clear-signed texts", () => {
  test("only what stands between the armour counts", () => {
    const text = `SHA256 (x) = ${hex("f")}\n${armour(`${list}\n- -----BEGIN of nothing`)}SHA256 (x) = ${hex("f")}\n`;
    expect(isClearSigned(text)).toBe(true);
    expect(signedText(text)).toBe(`${list}\n-----BEGIN of nothing`);
    expect(signedText(armour(list).replaceAll("\n", "\r\n"))).toBe(list);
  });

  test.each([
    ["two", armour(list) + armour(list)],
    ["no end", armour(list).split("-----BEGIN PGP SIGNATURE")[0] ?? ""],
    ["no empty line", "-----BEGIN PGP SIGNED MESSAGE-----\nx\n-----BEGIN PGP SIGNATURE-----\n\n"],
  ])("%s is not whole", (_, text) => {
    expect(signedText(text)).toBeNull();
  });

  test("one without armour is taken as it is", () => {
    expect(isClearSigned(list)).toBe(false);
    expect(signedText(list)).toBe(list);
  });
});
