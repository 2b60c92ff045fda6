/**
 * What a derived image has that its candidate does not: one small layer, a version and a time of its own. Pure; a
 * changed rule gets a new number, so that no digest ever means two contents.
 *
 * The layer repeats the folders above its files, as the layers of container builders do. Readers agree on that: ostree
 * lays layers over each other and leaves folders that are there as they are (`OSTREE_REPO_CHECKOUT_OVERWRITE_UNION_FILES`,
 * bootc's ostree-ext/src/container/store.rs); composefs takes the last entry's attributes (composefs-rs, doc/oci.md), as
 * overlayfs does. An overlay without the entries would take those of the folders that its unpacker makes up, with the
 * time of the unpacking. So they are written out, root's and 0755 as each system has them. The real /usr/lib is named
 * and never /lib, which is a link. A unit is wanted by a link below /usr and not below /etc, which bootc merges.
 */
import type { DerivedKind, ImageChange } from "../image.ts";
import type { TarEntry } from "./tar.ts";

/** Number of these rules. */
export const ruleNumber = 1;

/** The file that tells which image this is. */
export const markerPath = "usr/lib/bootgate/derived.json";

interface Rule {
  /** Days between the candidate's times and the derived image's: bootc shows times, and rpm-ostree refuses to go back in them. */
  readonly days: number;
  /** What the image is, behind "It ". */
  readonly words: string;
}

export const rules: Readonly<Record<DerivedKind, Rule>> = {
  previous: { days: -1, words: "stands for the image that users have today" },
  next: { days: 1, words: "stands for the image after the candidate" },
  broken: {
    days: 2,
    words: "stands for a bad update: a service of its own fails at each boot",
  },
};

export const failingUnit = "bootgate-derived-broken.service";

const unitText = `[Unit]
Description=A service that always fails, in an image derived as a bad update

[Service]
Type=oneshot
ExecStart=/usr/bin/false
`;

/** What makes one image of another: days, what is in the layer beside the marker, and labels. */
export interface Recipe {
  /** Tag of the image, and the end of its version. */
  readonly name: string;
  readonly days: number;
  /** Each folder before what is in it. */
  readonly entries: readonly TarEntry[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The version of a derived image: its own, and recognisable as the candidate's. */
export const derivedVersion = (version: string | undefined, name: string): string =>
  version === undefined || version === "" ? name : `${version}.${name}`;

/** What is done for a role that nobody named an image for. */
export function recipeOfKind(kind: DerivedKind): Recipe {
  const { days } = rules[kind];
  if (kind !== "broken") return { name: kind, days, entries: [], labels: {} };
  const units = "usr/lib/systemd/system";
  const wants = `${units}/multi-user.target.wants`;
  const entries: TarEntry[] = [
    { kind: "folder", path: "usr/lib/systemd" },
    { kind: "folder", path: units },
    { kind: "file", path: `${units}/${failingUnit}`, text: unitText },
    { kind: "folder", path: wants },
    { kind: "link", path: `${wants}/${failingUnit}`, target: `../${failingUnit}` },
  ];
  return { name: kind, days, entries, labels: {} };
}

const namePattern = /^[a-z0-9][a-z0-9-]{0,59}$/;
/** Folders of an image that a layer may change: the rest is the machine's own, or a link into it. */
const changeable = /^\/(?:usr|etc)(?:\/[^/]+)+$/;
const ofMachine = /^\/usr\/(?:local|tmp)\//;

/**
 * What is done for a story that asks for a change. A file that goes is a whiteout in the folder it was in (image-spec,
 * layer.md). Throws TypeError for what is not a change of an image: the story is wrong.
 */
export function recipeOfChange({
  name,
  files = {},
  links = {},
  remove = [],
  labels = {},
}: ImageChange): Recipe {
  if (!namePattern.test(name)) throw new TypeError(`'${name}' is not a name for a change.`);
  const written = Object.entries(files).map(([path, given]): [string, TarEntry] => {
    const file = typeof given === "string" ? { text: given } : given;
    return [path, { kind: "file", path: inLayer(path), ...file }];
  });
  const linked = Object.entries(links).map(([path, target]): [string, TarEntry] => [
    path,
    { kind: "link", path: inLayer(path), target },
  ]);
  const gone = remove.map((path): [string, TarEntry] => {
    const at = inLayer(path);
    const slash = at.lastIndexOf("/") + 1;
    return [path, { kind: "file", path: `${at.slice(0, slash)}.wh.${at.slice(slash)}`, text: "" }];
  });
  const entries: TarEntry[] = [];
  const made = new Set(["usr", "usr/lib", "usr/lib/bootgate"]);
  for (const [, entry] of [...written, ...linked, ...gone].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const parts = entry.path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join("/");
      if (!made.has(path)) entries.push({ kind: "folder", path });
      made.add(path);
    }
    entries.push(entry);
  }
  return { name, days: 1, entries, labels };
}

function inLayer(path: string): string {
  const isPlain = path.split("/").every((part) => part !== "." && part !== "..");
  if (!isPlain || !changeable.test(path) || ofMachine.test(path) || path.includes("/.wh."))
    throw new TypeError(`'${path}' is not a path that a layer may change.`);
  return path.slice(1);
}

export interface LayerFacts {
  readonly recipe: Recipe;
  /** Digest of the manifest that it is derived of. */
  readonly from: string;
  readonly version: string;
}

/** The entries of the layer, each folder before what is in it. */
export function layerEntries({ recipe, from, version }: LayerFacts): TarEntry[] {
  const marker = { derivedFrom: from, kind: recipe.name, rule: ruleNumber, version };
  return [
    { kind: "folder", path: "usr" },
    { kind: "folder", path: "usr/lib" },
    { kind: "folder", path: "usr/lib/bootgate" },
    { kind: "file", path: markerPath, text: `${JSON.stringify(marker, null, 2)}\n` },
    ...recipe.entries,
  ];
}
