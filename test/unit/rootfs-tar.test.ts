import { describe, expect, test } from "vitest";
import { ByteSource, EndedEarly } from "../../images/rootfs/byte-source.ts";
import { readTar, type TarEntry, TarMalformed } from "../../images/rootfs/tar-reader.ts";
import { paxOf, type TarItem, tarOf } from "./support/layers.ts";

async function read(bytes: Buffer, pieceBytes = bytes.length): Promise<TarEntry[]> {
  const source = new ByteSource(
    (async function* () {
      for (let at = 0; at < bytes.length; at += pieceBytes)
        yield bytes.subarray(at, at + pieceBytes);
    })(),
  );
  const entries: TarEntry[] = [];
  for await (const entry of readTar(source)) entries.push(entry);
  return entries;
}

const one = async (item: TarItem): Promise<TarEntry | undefined> => (await read(tarOf([item])))[0];

/** The header of an archive's first entry with a field changed and the sum put right. */
function withField(at: number, bytes: Buffer | string, item: TarItem = { name: "a" }): Buffer {
  const tar = tarOf([item]);
  Buffer.from(bytes as string).copy(tar, at);
  tar.fill(0x20, 148, 156);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, "0")}\0`, 148);
  return tar;
}

describe("headers", () => {
  test.each([1, 7, 512, 1000])("in pieces of %i bytes", async (pieceBytes) => {
    const tar = tarOf([
      { name: "a", content: "x".repeat(700), mode: 0o4755, uid: 1000, gid: 7, mtime: 1700000000 },
      { name: `${"d/".repeat(80)}b`, content: "y", pax: { "SCHILY.xattr.user.a": "v" } },
      { name: "l", type: "2", link: `${"t/".repeat(80)}t` },
    ]);
    const entries = await read(tar, pieceBytes);
    expect(entries.map(({ name, kind, size }) => [name, kind, size])).toEqual([
      ["a", "file", 700],
      [`${"d/".repeat(80)}b`, "file", 1],
      ["l", "symlink", 0],
    ]);
    expect(entries[0]).toMatchObject({ mode: 0o4755, uid: 1000, gid: 7, mtime: 1700000000 });
    expect(entries[2]?.link).toBe(`${"t/".repeat(80)}t`);
  });

  test("the prefix of ustar, and long names of GNU tar", async () => {
    const [first] = await read(withField(345, "pre/fix"));
    expect(first?.name).toBe("pre/fix/a");
    const long = `${"n".repeat(150)}/x`;
    const gnu = tarOf([
      { name: "././@LongLink", type: "L", content: `${long}\0` },
      { name: "././@LongLink", type: "K", content: `${long}t\0` },
      { name: "cut", type: "2", link: "cut" },
      { name: "b" },
    ]);
    expect((await read(gnu)).map(({ name, link }) => [name, link])).toEqual([
      [long, `${long}t`],
      ["b", ""],
    ]);
  });

  test("sizes and owners beyond octal: binary, and PAX", async () => {
    const binary = Buffer.alloc(8);
    binary[0] = 0x80;
    binary.writeUInt32BE(3_000_000_000, 4);
    expect((await read(withField(108, binary)))[0]?.uid).toBe(3_000_000_000);
    expect(await one({ name: "a", pax: { uid: "4294967294", gid: "65536" } })).toMatchObject({
      uid: 4_294_967_294,
      gid: 65_536,
    });
  });

  test("the size of a file of more than 4 GiB", async () => {
    const tar = tarOf([{ name: "a", pax: { size: "5000000000" } }]);
    const source = new ByteSource(
      (async function* () {
        yield tar;
      })(),
    );
    const first = await readTar(source).next();
    expect((first.value as TarEntry).size).toBe(5_000_000_000);
  });

  test("times with fractions and before 1970", async () => {
    expect(await one({ name: "a", pax: { mtime: "1700000000.25" } })).toMatchObject({
      mtime: 1_700_000_000,
      mtimeNanos: 250_000_000,
    });
    expect(await one({ name: "a", pax: { mtime: "-1.25" } })).toMatchObject({
      mtime: -2,
      mtimeNanos: 750_000_000,
    });
    expect(await one({ name: "a", pax: { mtime: "-3" } })).toMatchObject({
      mtime: -3,
      mtimeNanos: 0,
    });
  });

  test("extended attributes keep their bytes, in each of the three ways to write them", async () => {
    const capability = Buffer.from("0100000280000000000000000000000000000000", "hex");
    const entry = await one({
      name: "a",
      pax: {
        "SCHILY.xattr.security.capability": capability,
        "LIBARCHIVE.xattr.user.with%20blank%3D": capability.toString("base64").replaceAll("=", ""),
        "RHT.security.selinux": "system_u:object_r:bin_t:s0",
      },
    });
    const values = new Map(entry?.xattrs.map(({ name, value }) => [name, value.toString("hex")]));
    expect(values.get("security.capability")).toBe(capability.toString("hex"));
    expect(values.get("user.with blank=")).toBe(capability.toString("hex"));
    expect(values.get("security.selinux")).toBe(
      Buffer.from("system_u:object_r:bin_t:s0").toString("hex"),
    );
  });

  test("a global PAX header changes no entry", async () => {
    const tar = tarOf([
      { name: "g", type: "g", content: paxOf({ path: "elsewhere", comment: "x" }) },
      { name: "a" },
    ]);
    expect((await read(tar)).map(({ name }) => name)).toEqual(["a"]);
  });

  test("an archive ends with two blocks of zeros or with its last entry", async () => {
    const tar = tarOf([{ name: "a", content: "x" }]);
    expect(await read(tar.subarray(0, 1024))).toHaveLength(1);
    expect(await read(Buffer.concat([tar, Buffer.from("what tar pads with")]))).toHaveLength(1);
    expect(await read(Buffer.alloc(0))).toHaveLength(0);
  });
});

describe("what cannot be", () => {
  test.each<readonly [string, Buffer, RegExp]>([
    [
      "a wrong sum",
      Buffer.concat([Buffer.from("b"), tarOf([{ name: "aa" }]).subarray(1)]),
      /checksum is wrong/,
    ],
    ["bytes that are not tar", Buffer.alloc(2048, 0x41), /checksum is wrong/],
    ["a size that is not a number", withField(124, "zzz"), /size is not a number/],
    [
      "a size beyond all limits",
      withField(124, Buffer.alloc(12, 0xff).fill(0x80, 0, 1)),
      /beyond all limits/,
    ],
    ["a negative size", withField(124, Buffer.alloc(12, 0xff)), /size that cannot be/],
    ["a negative owner", withField(108, Buffer.alloc(8, 0xff)), /uid that cannot be/],
    [
      "an owner that is not a number",
      tarOf([{ name: "a", pax: { uid: "root" } }]),
      /uid that cannot be/,
    ],
    [
      "a time that is not a number",
      tarOf([{ name: "a", pax: { mtime: "soon" } }]),
      /time that is not a number/,
    ],
    [
      "a PAX record without an end",
      tarOf([{ name: "p", type: "x", content: "30 path=a\n" }, { name: "a" }]),
      /PAX header that is malformed/,
    ],
    [
      "a PAX record without a key",
      tarOf([{ name: "p", type: "x", content: "6 abc\n" }, { name: "a" }]),
      /PAX header that is malformed/,
    ],
    [
      "a PAX record of no length",
      tarOf([{ name: "p", type: "x", content: "0 a=b\n" }, { name: "a" }]),
      /PAX header that is malformed/,
    ],
    ["a huge PAX header", tarOf([{ name: "p", type: "x", size: 2 ** 30 }]), /more than 4 MiB/],
    [
      "a sparse map of no version",
      tarOf([{ name: "a", pax: { "GNU.sparse.major": "2" } }]),
      /not one of version/,
    ],
    [
      "a sparse map of other bytes than are stored",
      tarOf([
        { name: "a", content: "abc", pax: { "GNU.sparse.size": "9", "GNU.sparse.map": "0,4" } },
      ]),
      /pieces of other bytes than are stored/,
    ],
    [
      "pieces over each other",
      tarOf([
        {
          name: "a",
          content: "abcd",
          pax: { "GNU.sparse.size": "9", "GNU.sparse.map": "0,2,1,2" },
        },
      ]),
      /pieces that cannot be/,
    ],
    [
      "a piece beyond the file",
      tarOf([
        { name: "a", content: "abcd", pax: { "GNU.sparse.size": "9", "GNU.sparse.map": "6,4" } },
      ]),
      /pieces that cannot be/,
    ],
    [
      "a hole that would fill a disk",
      tarOf([{ name: "a", pax: { "GNU.sparse.size": "99999999999999", "GNU.sparse.map": "" } }]),
      /larger than 64 GiB/,
    ],
    [
      "a map without an end",
      tarOf([
        {
          name: "a",
          content: "9\n0\n",
          pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" },
        },
      ]),
      /map without an end/,
    ],
    [
      "a map that says another length",
      tarOf([
        {
          name: "a",
          content: "abcd",
          pax: { "GNU.sparse.size": "9", "GNU.sparse.numblocks": "2", "GNU.sparse.map": "0,4" },
        },
      ]),
      /another length than it says/,
    ],
    [
      "a kind that layers do not have",
      tarOf([{ name: "a", type: "V" }]),
      /kind that layers do not have/,
    ],
    ["a name with a NUL byte", tarOf([{ name: "a", pax: { path: "a\0b" } }]), /NUL byte/],
  ])("%s is refused", async (_, tar, words) => {
    await expect(read(tar)).rejects.toThrow(words);
    await expect(read(tar)).rejects.toBeInstanceOf(TarMalformed);
  });

  test("an archive that is cut off anywhere is refused", async () => {
    const tar = tarOf([{ name: "a", content: "x".repeat(600), pax: { comment: "c" } }]);
    for (const length of [100, 512, 700, 1024, 1300, 1536, 1600, 2048, 2500])
      await expect(read(tar.subarray(0, length))).rejects.toBeInstanceOf(EndedEarly);
  });

  test("control characters of a name do not reach the message", async () => {
    const tar = tarOf([{ name: "a\u001b[2J\u202eb", type: "V" }]);
    await expect(read(tar)).rejects.toThrow(
      "its entry 'a?[2J?b' is of a kind that layers do not have",
    );
  });
});
