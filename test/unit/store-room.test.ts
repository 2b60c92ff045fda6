import { expect, test } from "vitest";
import { asDigest, type Digest } from "../../harness/base/units.ts";
import {
  planEviction,
  type RoomFacts,
  type RoomWish,
  roomEntries,
} from "../../images/origins/store-room.ts";

const digest = (letter: string): Digest => asDigest(`sha256:${letter.repeat(64)}`);
const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(digest) as [
  Digest,
  Digest,
  Digest,
  Digest,
  Digest,
];
const letters = (digests: readonly Digest[]): string => digests.map((one) => one.at(-1)).join("");

/** Image a (oldest) has blobs a and c, image b has b and c; blob d is nobody's. Ten bytes each. */
const facts = (more: Partial<RoomFacts> = {}): RoomFacts => ({
  images: [
    { digest: b, usedAt: 200, isHeld: false, blobs: [b, c] },
    { digest: a, usedAt: 100, isHeld: false, blobs: [a, c] },
  ],
  blobs: [a, b, c, d].map((one) => ({ digest: one, size: 10 })),
  claimed: new Set(),
  ...more,
});

test.each<[string, RoomWish, Partial<RoomFacts>, string, string]>([
  ["enough room: nothing goes", { maxBytes: 40 }, {}, "", ""],
  ["a little too much: what is nobody's goes", { maxBytes: 39 }, {}, "", "d"],
  [
    "more: the image used longest ago, but not the layer that it shares",
    { maxBytes: 29 },
    {},
    "a",
    "da",
  ],
  ["much: all", { maxBytes: 5 }, {}, "ab", "dabc"],
  [
    "a held image stays, however full it is",
    { maxBytes: 0 },
    { images: facts().images.map((one) => ({ ...one, isHeld: one.digest === a })) },
    "b",
    "db",
  ],
  ["a claimed blob stays", { maxBytes: 0 }, { claimed: new Set([d, a]) }, "ab", "bc"],
  [
    "a pull that does not know its blobs yet keeps all that is loose",
    { maxBytes: 0 },
    { claimed: "all" },
    "ab",
    "",
  ],
  ["by age only", { maxBytes: Infinity, unusedSince: 150 }, {}, "a", "a"],
  ["a sweep takes what is nobody's in any case", { maxBytes: Infinity, sweep: true }, {}, "", "d"],
  [
    "an image whose blobs are not here goes like any other",
    { maxBytes: 0, unusedSince: 2 },
    { images: [{ digest: e, usedAt: 1, isHeld: false, blobs: [e, e] }] },
    "e",
    "abcd",
  ],
])("%s", (_, wish, more, images, blobs) => {
  const plan = planEviction(facts(more), wish);
  expect(letters(plan.images)).toBe(images);
  expect(letters(plan.blobs.map((one) => one.digest))).toBe(blobs);
});

test.each<[string, Partial<RoomFacts>]>([
  ["two images that share a layer", {}],
  [
    "one that is held",
    { images: facts().images.map((one) => ({ ...one, isHeld: one.digest === a })) },
  ],
  ["a pull that knows its blobs", { claimed: new Set([d, a]) }],
  ["a pull that does not know them", { claimed: "all" }],
])("what going the oldest first frees is told beforehand: %s", (_, more) => {
  const entries = [...roomEntries(facts(more))].sort((x, y) => x.usedMs - y.usedMs);
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(total).toBe(40);
  let left = total;
  for (const { bytes, inUse } of entries) {
    if (inUse || bytes === 0) continue;
    left -= bytes;
    const { blobs } = planEviction(facts(more), { maxBytes: left });
    expect(blobs.reduce((sum, { size }) => sum + size, 0)).toBe(total - left);
  }
  expect(planEviction(facts(more), { maxBytes: 0 }).blobs).toHaveLength((total - left) / 10);
});
