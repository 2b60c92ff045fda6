/** Cards: what is proved before one is written, what each kind of bad card is told as, and a real block device where this user may make one. */
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import {
  nonceSector,
  placeForNonce,
  readNonce,
} from "../../harness/machine/board/card/card-nonce.ts";
import { openCard } from "../../harness/machine/board/card/card-store.ts";
import { lookAtDevice, proveCard } from "../../harness/machine/board/card/prove-card.ts";
import { writeCard } from "../../harness/machine/board/card/write-card.ts";
import { type CardFault, FileCard } from "../boards/card.ts";

const { signal } = new AbortController();
const MiB = 1024 * 1024;
let folder = "";
let shelf = "";
/** Made once, never written. */
let image = "";
beforeAll(async () => {
  shelf = await mkdtemp(join(tmpdir(), "bootgate-card-"));
  image = await makeImage(join(shelf, "image.raw"));
});
afterAll(() => rm(shelf, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-card-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A disk of 18 MiB with a real partition table, data in its first and fifth block, and holes. */
async function makeImage(path: string): Promise<string> {
  await writeFile(path, "");
  await truncate(path, 18 * MiB);
  await runCommand("sgdisk", ["--clear", "--new=1:2048:+4M", "--new=2:0:0", path]);
  const file = await open(path, "r+");
  await file.write(randomBytes(100_000), 0, 100_000, 2 * MiB);
  await file.write(randomBytes(512), 0, 512, 17 * MiB);
  await file.close();
  return path;
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

async function told(act: Promise<unknown>): Promise<string> {
  const error = await act.then(
    () => new Error("nothing was wrong"),
    (thrown: unknown) => thrown,
  );
  expect(outcomeOf(error).kind).toBe("broken");
  return messageOf(error);
}

describe("writing", () => {
  test("puts the image there with a mark in the gap, leaves zeros that are zeros, and says the image's digest", async () => {
    await using card = await FileCard.make(join(folder, "card"), 32 * MiB);
    const parts: string[] = [];
    const written = await writeCard({
      image,
      board: "pi",
      card,
      signal,
      onProgress: (phase, part) => parts.push(`${phase} ${part.toFixed(1)}`),
    });
    const source = await readFile(image);
    expect(written).toMatchObject({ sha256: sha256(source), bytes: 18 * MiB });
    // The first and the last block have data; the three between have none.
    expect(written.writtenBytes).toBe(6 * MiB);
    expect(parts[0]).toBe("write 0.2");
    expect(parts.at(-1)).toBe("read 1.0");
    const { nonce } = written;
    expect(nonce?.at).toBe(MiB - 4096);
    const at = nonce?.at ?? 0;
    const onCard = await readFile(join(folder, "card"));
    expect(readNonce(onCard.subarray(at, at + 512))).toBe(nonce?.word);
    onCard.fill(0, at, at + 512);
    expect(onCard.subarray(0, source.length).equals(source)).toBe(true);
    // Partitions and their table are as they were.
    expect((await runCommand("sgdisk", ["--verify", image])).stdout).toContain("No problems found");
  });

  test("writes zeros over what an older image left", async () => {
    const old = randomBytes(32 * MiB);
    await using card = await FileCard.make(join(folder, "card"), 32 * MiB, { content: old });
    await writeCard({ image, board: "pi", card, signal });
    const onCard = await readFile(join(folder, "card"));
    const source = await readFile(image);
    expect(onCard.subarray(8 * MiB, 18 * MiB).equals(source.subarray(8 * MiB))).toBe(true);
    expect(onCard.subarray(18 * MiB).equals(old.subarray(18 * MiB))).toBe(true);
  });

  const faults: readonly (readonly [CardFault, RegExp])[] = [
    [
      "ignores-writes",
      /The card of board 'pi' ignores writes: it takes them and keeps what it had/,
    ],
    ["corrupts", /does not hold what was written: \d of 5 blocks differ, the first at 4\.0 MiB/],
    ["vanishes", /vanished while it was written, at 4\.0 MiB/],
    ["vanishes-later", /vanished while it was read back, at 8\.0 MiB/],
    ["too-small", /ends at 9\.0 MiB when it is read back; 18\.0 MiB were written/],
  ];
  test.each(faults)(
    "a card that %s is named, and is the fault of no image",
    async (fault, words) => {
      const content = randomBytes(32 * MiB);
      await using card = await FileCard.make(join(folder, "card"), 32 * MiB, { content, fault });
      expect(await told(writeCard({ image, board: "pi", card, signal }))).toMatch(words);
    },
  );

  test("an image that does not fit, or is not a disk, touches nothing", async () => {
    await using card = await FileCard.make(join(folder, "card"), 8 * MiB);
    await expect(writeCard({ image, board: "pi", card, signal })).rejects.toThrow(
      /does not fit on the card/,
    );
    await writeFile(join(folder, "odd"), "text");
    await expect(
      writeCard({ image: join(folder, "odd"), board: "pi", card, signal }),
    ).rejects.toThrow("not a raw disk");
    expect(card.written).toBe(0);
  });

  test("an image that changes while it is written is told as that, and the card is not blamed", async () => {
    const changing = await makeImage(join(folder, "changing"));
    await using card = await FileCard.make(join(folder, "card"), 32 * MiB);
    const onProgress = (phase: string, part: number): void => {
      if (phase !== "write" || part < 1) return;
      const file = openSync(changing, "r+");
      writeSync(file, "other", 2 * MiB);
      closeSync(file);
    };
    await expect(
      writeCard({ image: changing, board: "pi", card, signal, onProgress }),
    ).rejects.toThrow("changed while it was written");
  });

  test("ends when it is told to", async () => {
    await using card = await FileCard.make(join(folder, "card"), 32 * MiB);
    const stop = new AbortController();
    const onProgress = (): void => stop.abort(new Error("Ctrl-C"));
    await expect(
      writeCard({ image, board: "pi", card, signal: stop.signal, onProgress }),
    ).rejects.toThrow("Ctrl-C");
  });
});

describe("a mark", () => {
  test("has a place before the first partition of GPT and MBR, and none where something lies there", async () => {
    const head = (await readFile(image)).subarray(0, 8 * MiB);
    expect(placeForNonce(head)).toBe(MiB - 4096);
    const full = Buffer.from(head);
    full.writeUInt8(1, MiB - 1);
    expect(placeForNonce(full)).toBeNull();
    const mbr = Buffer.alloc(8 * MiB);
    mbr.writeUInt16LE(0xaa55, 510);
    expect(placeForNonce(mbr)).toBeNull();
    mbr.writeUInt8(0x0c, 446 + 4);
    mbr.writeUInt32LE(8192, 446 + 8);
    expect(placeForNonce(mbr)).toBe(4 * MiB - 4096);
    expect(placeForNonce(Buffer.alloc(512))).toBeNull();
  });

  test("of another writing is another word, and what is not one is none", () => {
    const word = "0123456789abcdef0123456789abcdef";
    expect(readNonce(nonceSector({ at: 0, word }))).toBe(word);
    expect(readNonce(Buffer.alloc(512))).toBeNull();
    expect(readNonce(randomBytes(512))).toBeNull();
  });
});

const wish = {
  board: "pi",
  size: { least: 14 * 1024 * MiB, most: 17 * 1024 * MiB },
};

describe("a real block device", () => {
  test("is written and read back past the cache, for one writer alone; a loop device is never taken for a card", async ({
    skip,
  }) => {
    const backing = join(folder, "backing");
    await writeFile(backing, "");
    await truncate(backing, 32 * MiB);
    const made = await attemptCommand("losetup", ["--find", "--show", "--", backing]).catch(
      () => null,
    );
    if (made === null || made.exitCode !== 0) return skip("this user may not make loop devices");
    const device = made.stdout.trim();
    try {
      expect(await told(proveCard({ ...wish, device }, []))).toMatch(/not a whole disk but a loop/);
      const facts = await lookAtDevice(device);
      const proved = { path: facts.path, bytes: facts.size, number: facts["maj:min"] };
      expect(await told(openCard({ ...proved, number: "8:16" }))).toContain(
        "another device by now",
      );
      await using card = await openCard(proved);
      expect(await told(openCard(proved))).toContain("this host uses it");
      const written = await writeCard({ image, board: "pi", card, signal });
      expect(written.sha256).toBe(sha256(await readFile(image)));
      const found = await card.read(512, written.nonce?.at ?? 0);
      expect(readNonce(found)).toBe(written.nonce?.word);
    } finally {
      await runCommand("losetup", ["--detach", device]);
    }
  });
});
