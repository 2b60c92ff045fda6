/** Records of a disk's writes: read as QEMU writes them, refused where they are damaged, and what a cut leaves of them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cutPoint, cutPoints, flushedBefore, survivorsOf } from "../../harness/cuts/points.ts";
import { parseSuperblock, readWriteLog } from "../../harness/cuts/write-log.ts";

const magic = 0x6a736677736872n;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-write-log-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const flush = { sector: 0, count: 0, flags: 1 };
const write = (sector: number, count = 1, flags = 0) => ({ sector, count, flags });

function words(...numbers: readonly (number | bigint)[]): Buffer {
  const sector = Buffer.alloc(512);
  for (const [index, number] of numbers.entries())
    sector.writeBigUInt64LE(BigInt(number), index * 8);
  return sector;
}

/** A record as bytes. */
const bytesOf = (
  entries: readonly { sector: number; count: number; flags: number }[],
  counted = entries.length,
): Buffer =>
  Buffer.concat([
    words(magic, 1, counted, 512),
    ...entries.flatMap(({ sector, count, flags }) => [
      words(sector, count, flags, 0),
      Buffer.alloc((flags & 4) === 0 ? count * 512 : 0, sector % 256),
    ]),
  ]);

let count = 0;
async function read(bytes: Buffer, diskBytes = 1024 * 1024) {
  const path = join(folder, `record-${count++}`);
  await writeFile(path, bytes);
  return readWriteLog(path, diskBytes);
}

describe("a record", () => {
  test("is read entry by entry, with the places of its data", async () => {
    const log = await read(bytesOf([write(8, 2), flush, write(16, 256, 4), write(24, 1, 2)]));
    expect(log.entries).toMatchObject([
      { startBytes: 4096, lengthBytes: 1024, dataAt: 1024, entryAt: 512, isFlush: false },
      { isFlush: true, lengthBytes: 0, dataAt: null },
      { isDiscard: true, startBytes: 8192, lengthBytes: 131_072, dataAt: null },
      { isForced: true, startBytes: 12_288, dataAt: 3584 },
    ]);
    expect(log.uncountedBytes).toBe(0);
  });

  test("of a QEMU that was killed has what is counted, and tells what lies behind it", async () => {
    const log = await read(bytesOf([write(8), flush, write(9), write(10)], 2));
    expect(log.entries).toHaveLength(2);
    expect(log.uncountedBytes).toBe(2048);
  });

  test("is as large as its writes, and only its entries are read", async () => {
    const many = Array.from({ length: 3000 }, (_, index) => write(index % 100, 8));
    expect((await read(bytesOf(many))).entries).toHaveLength(3000);
  });
});

describe("a record that is damaged is refused in words of its own", () => {
  const whole = bytesOf([write(8, 2), flush]);
  test.each<[string, Buffer, RegExp]>([
    ["empty", Buffer.alloc(0), /has no superblock, which QEMU writes at the disk's first flush/],
    ["zeros", Buffer.alloc(4096), /has no superblock/],
    ["other", Buffer.alloc(4096, "x"), /does not begin with the words of one/],
    ["version", words(magic, 2, 0, 512), /is of version 2/],
    ["sectors", words(magic, 1, 0, 500), /sectors are said to have 500 bytes/],
    ["entries", words(magic, 1, 2n ** 60n, 512), /1152921504606846976 entries/],
    ["cut short in data", whole.subarray(0, 1500), /ends in entry 0 of 2: it was cut short/],
    ["cut short in an entry", bytesOf([write(8)], 2), /ends in entry 1 of 2: it was cut short/],
    ["flags", bytesOf([write(8, 1, 16)]), /entry 0 has the flags 16/],
    ["mark", bytesOf([write(8, 1, 8)]), /entry 0 is a mark/],
    [
      "size",
      Buffer.concat([words(magic, 1, 1, 512), words(0, 2n ** 40n, 0, 0)]),
      /of 1099511627776 sectors/,
    ],
    [
      "place",
      Buffer.concat([words(magic, 1, 1, 512), words(2n ** 63n, 1, 0, 0)]),
      /begins at sector/,
    ],
    ["behind the disk", bytesOf([write(2048)]), /entry 0 ends behind the end of the disk/],
  ])("%s", async (_, bytes, expected) => {
    await expect(read(bytes)).rejects.toThrow(expected);
    await expect(read(bytes)).rejects.toMatchObject({ name: "CannotTell" });
  });

  test("random bytes behind a superblock never do more than throw", async () => {
    for (let seed = 1; seed < 200; seed++) {
      const noise = Buffer.from(Array.from({ length: 2048 }, (_, at) => (at * seed * 7919) % 251));
      await read(Buffer.concat([words(magic, 1, 3, 512), noise])).catch((error: Error) =>
        expect(error.name).toBe("CannotTell"),
      );
    }
  });
});

describe("a point", () => {
  const range = { seed: "1", first: 10, last: 500 };

  test("is the same for its number and seed, however many there are", () => {
    const few = cutPoints(5, range);
    const many = cutPoints(200, range);
    for (const point of few)
      expect(many.find(({ number }) => number === point.number)).toEqual(point);
    expect(cutPoint(3, range)).not.toEqual({ ...cutPoint(3, { ...range, seed: "2" }), seed: "1" });
  });

  test("lies in its range, and all kinds of them are there", () => {
    const points = cutPoints(300, range);
    expect(points.every(({ entries }) => entries >= 10 && entries < 500)).toBe(true);
    expect(new Set(points.map(({ survival }) => survival))).toEqual(
      new Set(["flush", "order", "some"]),
    );
    const places = points.map(({ entries }) => entries);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test("keeps all that was flushed, what was forced, and of the rest what it says", async () => {
    const log = await read(
      bytesOf([
        write(1),
        flush,
        write(2),
        write(3, 1, 2),
        ...Array.from({ length: 40 }, () => write(4, 8)),
      ]),
    );
    expect(flushedBefore(log.entries, 1)).toBe(0);
    expect(flushedBefore(log.entries, log.entries.length)).toBe(2);
    const at = { number: 1, seed: "1", entries: log.entries.length };
    const left = (survival: "flush" | "order" | "some") =>
      survivorsOf({ ...at, survival }, log).map(({ bytes }) => bytes);
    expect(left("flush")).toEqual([512]);
    expect(left("order")).toEqual([512, 512, ...Array.from({ length: 40 }, () => 4096)]);
    const some = left("some");
    expect(some.length).toBeGreaterThan(5);
    expect(some.length).toBeLessThan(40);
    expect(some.some((bytes) => bytes > 0 && bytes < 4096 && bytes % 512 === 0)).toBe(true);
    expect(left("some")).toEqual(some);
  });
});

test("a superblock that is too short is not one", () => {
  expect(() => parseSuperblock(Buffer.alloc(10, 1))).toThrow(/has no superblock/);
});
