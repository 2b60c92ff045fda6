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
import type { DerivedKind } from "../image.ts";
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

/** The version of a derived image: its own, and recognisable as the candidate's. */
export const derivedVersion = (version: string | undefined, kind: DerivedKind): string =>
  version === undefined || version === "" ? kind : `${version}.${kind}`;

export interface LayerFacts {
  readonly kind: DerivedKind;
  /** Digest of the candidate's manifest. */
  readonly from: string;
  readonly version: string;
}

/** The entries of the layer, each folder before what is in it. */
export function layerEntries({ kind, from, version }: LayerFacts): TarEntry[] {
  const marker = { derivedFrom: from, kind, rule: ruleNumber, version };
  const entries: TarEntry[] = [
    { kind: "folder", path: "usr" },
    { kind: "folder", path: "usr/lib" },
    { kind: "folder", path: "usr/lib/bootgate" },
    { kind: "file", path: markerPath, text: `${JSON.stringify(marker, null, 2)}\n` },
  ];
  if (kind !== "broken") return entries;
  const units = "usr/lib/systemd/system";
  const wants = `${units}/multi-user.target.wants`;
  return [
    ...entries,
    { kind: "folder", path: "usr/lib/systemd" },
    { kind: "folder", path: units },
    { kind: "file", path: `${units}/${failingUnit}`, text: unitText },
    { kind: "folder", path: wants },
    { kind: "link", path: `${wants}/${failingUnit}`, target: `../${failingUnit}` },
  ];
}
