/**
 * Which variants share a base, by what their images say and by their layers. Evidence is the digest of a base that they
 * name, an ostree commit that they are built on, or equal first layers. A name alone is none, since a tag moves; nor are
 * equal chunks, since two roots of equal packages have them (ADR 25).
 */
import { createHash } from "node:crypto";
import type { ImageLayers } from "../../log/events.ts";
import type { Variant } from "./variants.ts";

export interface Base {
  /** Two or more, in the order of the variants; the base itself may be one of them. */
  readonly members: readonly Variant[];
  readonly architecture: string;
  /** What the members call it, where they agree. */
  readonly name: string | null;
  /** Digest that they name, or its own where it was run itself. */
  readonly digest: string | null;
  readonly commit: string | null;
  /** The first layers that all of them have. */
  readonly layers: { readonly count: number; readonly bytes: number } | null;
  /** The base itself, where it was run. */
  readonly tested: Variant | null;
  /** Labels that all of them carry; the base's own where it was run itself. */
  readonly version: string | null;
  readonly revision: string | null;
}

/** All bases that two variants or more share, the nearest last: the one of the fewest variants, and of those the one with most layers. */
export function basesOf(variants: readonly Variant[]): Base[] {
  const byMembers = new Map<string, { members: Variant[]; keys: string[] }>();
  for (const architecture of new Set(variants.map((one) => one.architecture))) {
    const mine = variants.filter((one) => one.architecture === architecture);
    for (const [key, members] of evidenceOf(mine)) {
      if (members.size < 2) continue;
      const ordered = mine.filter((one) => members.has(one));
      const id = ordered.map(({ digest }) => digest).join(" ");
      const group = byMembers.get(`${architecture} ${id}`) ?? { members: ordered, keys: [] };
      group.keys.push(key);
      byMembers.set(`${architecture} ${id}`, group);
    }
  }
  return [...byMembers.values()]
    .map(({ members, keys }) => describe(members, keys))
    .toSorted(
      (one, other) =>
        other.members.length - one.members.length ||
        (one.layers?.count ?? 0) - (other.layers?.count ?? 0),
    );
}

/** Whether an image tells what it is based on: only of such a one can be said that it is of another base. */
export const tellsBase = (variant: Variant, bases: readonly Base[]): boolean =>
  (variant.layers?.claims.length ?? 0) > 0 ||
  (variant.layers?.commit !== undefined && variant.layers.whole < variant.layers.layers.length) ||
  bases.some(({ members }) => members.includes(variant));

/** Each piece of evidence, and the variants that have it. */
function evidenceOf(variants: readonly Variant[]): Map<string, Set<Variant>> {
  const found = new Map<string, Set<Variant>>();
  const add = (key: string, variant: Variant): void => {
    const members = found.get(key) ?? new Set();
    members.add(variant);
    found.set(key, members);
  };
  for (const variant of variants) {
    const { digest, index, layers } = variant;
    for (const one of [digest, ...(index === undefined ? [] : [index])])
      add(`digest ${one}`, variant);
    for (const claim of layers?.claims ?? []) add(`digest ${claim.digest}`, variant);
    if (layers?.commit !== undefined) add(`commit ${layers.commit}`, variant);
  }
  const images = variants.flatMap((variant) =>
    variant.layers === null
      ? []
      : [{ variant, whole: variant.layers.whole, keys: beginningsOf(variant.layers) }],
  );
  // A part of what is one piece is not what an image is built on.
  for (const [key, count] of sharedBeginnings(images))
    for (const { variant, whole, keys } of images)
      if (count >= whole && keys[count - 1] === key) add(key, variant);
  return found;
}

/** An image's layers as far as images can share them. */
interface Beginnings {
  /** So many of its first layers are one piece. */
  readonly whole: number;
  /** A key for each number of first layers, that of one layer first. */
  readonly keys: readonly string[];
}

/** Each key holds the one before it, so that two images with the same key have the same layers up to there. */
function beginningsOf({ layers }: ImageLayers): string[] {
  let before = "";
  return layers.map(({ diffId }, at) => {
    before = createHash("sha256").update(`${before} ${diffId}`).digest("hex");
    return `layers ${at + 1} ${before}`;
  });
}

/** The longest common beginnings of two images each, every one once, with its number of layers. */
function sharedBeginnings(images: readonly Beginnings[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const [place, one] of images.entries())
    for (const other of images.slice(place + 1)) {
      const differs = one.keys.findIndex((key, at) => other.keys[at] !== key);
      const count = differs === -1 ? one.keys.length : differs;
      const key = one.keys[count - 1];
      if (key !== undefined && count >= Math.max(one.whole, other.whole)) found.set(key, count);
    }
  return found;
}

function describe(members: readonly Variant[], keys: readonly string[]): Base {
  const said = (kind: string): string[] =>
    keys.flatMap((key) => (key.startsWith(`${kind} `) ? [key.slice(kind.length + 1)] : []));
  const count = Math.max(0, ...said("layers").map((text) => Number(text.split(" ")[0])));
  const digests = said("digest");
  const tested =
    members.find(
      ({ digest, index }) => digests.includes(digest) || digests.includes(index ?? ""),
    ) ??
    members.find(({ layers }) => count > 0 && layers?.layers.length === count) ??
    null;
  const named = digests.find((digest) =>
    members.some(({ layers }) => layers?.claims.some((claim) => claim.digest === digest)),
  );
  const digest = named ?? tested?.digest ?? null;
  const names = members.flatMap(({ layers }) =>
    (layers?.claims ?? []).flatMap((claim) => (claim.digest === digest ? (claim.name ?? []) : [])),
  );
  const first = members[0]?.layers?.layers.slice(0, count) ?? [];
  const whose = tested === null ? members : [tested];
  return {
    members,
    architecture: members[0]?.architecture ?? "",
    name: tested?.name ?? onlyOne(names),
    digest,
    commit: onlyOne(said("commit")),
    layers: count === 0 ? null : { count, bytes: first.reduce((sum, { size }) => sum + size, 0) },
    tested,
    version: onlyOne(whose.map(({ layers }) => layers?.version)),
    revision: onlyOne(whose.map(({ layers }) => layers?.revision)),
  };
}

/** The one value that all have; null where one has none or another. */
function onlyOne(values: readonly (string | undefined)[]): string | null {
  const [first] = values;
  return first !== undefined && values.every((value) => value === first) ? first : null;
}
