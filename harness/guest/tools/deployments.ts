/** Compares a picture of all three deployment slots with what bootc says. Digests decide; names are for people. Pure. */
import type { Image } from "../../../images/image.ts";
import { ExpectationFailed } from "../../base/errors.ts";
import { type Digest, shortDigest } from "../../base/units.ts";
import type { BootcEntry, BootcHost } from "./bootc.ts";

/** What a picture of deployments states about one slot: this image, or nothing. */
export type SlotExpectation = Image | Digest | null;

export interface DeploymentsExpectation {
  readonly booted: SlotExpectation;
  readonly staged: SlotExpectation;
  readonly rollback: SlotExpectation;
}

const slots = ["booted", "staged", "rollback"] as const;

/** Throws ExpectationFailed with one row a slot unless all three are as expected. `known` gives names to digests. */
export function checkDeployments(
  guest: string,
  host: BootcHost,
  expected: DeploymentsExpectation,
  known: readonly Image[],
): void {
  const names = namesOf([...known, ...slots.map((slot) => expected[slot])]);
  const rows = slots.map((slot) => {
    const want = expected[slot];
    const entry = host.status[slot];
    const fits = slotFits(entry, want);
    const wanted = describeDigest(digestOf(want), names);
    const got = describeEntry(entry, names);
    return {
      slot,
      fits,
      text: fits ? `${got}, as expected` : `expected ${wanted}\ngot      ${got}`,
    };
  });
  const wrong = rows.filter(({ fits }) => !fits);
  if (wrong.length === 0) return;
  const which = wrong.map(({ slot }) => slot).join(" and ");
  throw new ExpectationFailed(`Guest '${guest}' has not the expected ${which} deployment.`, {
    details: Object.fromEntries(rows.map(({ slot, text }) => [slot, text])),
  });
}

function slotFits(entry: BootcEntry | null, want: SlotExpectation): boolean {
  // A deployment that is there but not from an image is not the same as none.
  if (want === null) return entry === null;
  return entry?.image?.imageDigest === digestOf(want);
}

const digestOf = (want: SlotExpectation): string | null =>
  want === null || typeof want === "string" ? want : want.digest;

function namesOf(images: readonly SlotExpectation[]): Map<string, string> {
  const named = images.filter((image) => image !== null && typeof image !== "string");
  return new Map(named.map(({ digest, name }) => [digest, name]));
}

function describeDigest(digest: string | null, names: Map<string, string>): string {
  if (digest === null) return "nothing";
  const name = names.get(digest);
  return name === undefined ? shortDigest(digest) : `${name} (${shortDigest(digest)})`;
}

function describeEntry(entry: BootcEntry | null, names: Map<string, string>): string {
  if (entry === null) return "nothing";
  if (entry.image !== null) return describeDigest(entry.image.imageDigest, names);
  const commit = entry.ostree?.checksum.slice(0, 12) ?? "unknown";
  return `ostree commit ${commit}${entry.incompatible ? " with local packages" : ""}, not from an image`;
}
