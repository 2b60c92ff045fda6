/** Compares a picture of all three deployment slots with what bootc says. Digests decide; names are for people. Pure. */
import type { Image } from "../../../images/image.ts";
import { CannotTell, ExpectationFailed } from "../../base/errors.ts";
import { type Digest, isDigest, shortDigest } from "../../base/units.ts";
import type { BootcEntry, BootcHost } from "./bootc.ts";

/** What a picture of deployments states about one slot: this image, or nothing. */
export type SlotExpectation = Image | Digest | null;

export interface DeploymentsExpectation {
  readonly booted: SlotExpectation;
  readonly staged: SlotExpectation;
  readonly rollback: SlotExpectation;
}

/** What guests said of themselves at their first boot, of images whose disk alone is known. */
export interface Claims {
  /** A digest, or the word for a deployment that is not from an image (`identityOf`); null: nothing was said. */
  of(image: Image): string | null;
}

export const noClaims: Claims = { of: () => null };

/**
 * What a deployment says that it is: the digest of its image, else the ostree commit or the composefs digest of a
 * system that was not made from one (ostree alone, or rpm-ostree with local packages).
 */
export function identityOf(entry: BootcEntry | null): string | null {
  if (entry === null) return null;
  if (entry.image !== null) return entry.image.imageDigest;
  if (entry.ostree !== null) return `ostree commit ${entry.ostree.checksum}`;
  return entry.composefs === null ? null : `composefs ${entry.composefs.verity}`;
}

const slots = ["booted", "staged", "rollback"] as const;

/**
 * Throws ExpectationFailed with one row a slot unless all three are as expected, and CannotTell where nobody knows what
 * an expected image has to report. `known` gives names to digests.
 */
export function checkDeployments(
  guest: string,
  host: BootcHost,
  expected: DeploymentsExpectation,
  known: readonly Image[],
  claims: Claims = noClaims,
): void {
  const digestOf = (want: SlotExpectation): string | null => reportedBy(want, guest, claims);
  const names = namesOf([...known, ...slots.map((slot) => expected[slot])], claims);
  const rows = slots.map((slot) => {
    const want = expected[slot];
    const entry = host.status[slot];
    // A deployment that is there but says nothing of itself is not the same as none.
    const fits =
      want === null
        ? entry === null
        : identityOf(entry) === digestOf(want) || isNamedOtherwise(entry, want);
    const wanted = describeDigest(digestOf(want), names);
    const got = describeEntry(entry, names);
    return {
      slot,
      fits,
      isDoubtful: want !== null && isOwnMaking(entry),
      text: fits ? `${got}, as expected` : `expected ${wanted}\ngot      ${got}`,
    };
  });
  const wrong = rows.filter(({ fits }) => !fits);
  if (wrong.length === 0) return;
  const details = Object.fromEntries(rows.map(({ slot, text }) => [slot, text]));
  if (wrong.every(({ isDoubtful }) => isDoubtful))
    throw new CannotTell(
      `bootc in guest '${guest}' tells a digest of its own making for what an older bootc staged (bootc-dev/bootc#2277).`,
      { details },
    );
  const which = wrong.map(({ slot }) => slot).join(" and ");
  throw new ExpectationFailed(`Guest '${guest}' does not have the expected ${which} deployment.`, {
    details,
  });
}

/** Whether what `checkDeployments` threw tells that something else is booted than expected. */
export const isOtherBooted = ({ details }: ExpectationFailed): boolean =>
  details["booted"]?.startsWith("expected") === true;

/**
 * The composefs backend tells an image's ID, the digest of its configuration, instead of the manifest's before
 * bootc-dev/bootc#2277 (July 2026), and since then a digest of its own making for what an older one staged. Both stand for the same image.
 */
function isNamedOtherwise(entry: BootcEntry | null, want: SlotExpectation): boolean {
  if (entry?.composefs == null || entry.image === null || want === null) return false;
  const told = entry.image.imageDigest;
  if (typeof want === "string") return `sha256:${told}` === want;
  return told === want.oci?.id || `sha256:${told}` === want.manifest;
}

/**
 * Of a deployment whose state does not name the manifest (an older bootc staged it) bootc tells the sha256 of the manifest as it would
 * write it itself, without `sha256:` (bootc-dev/bootc, `bootc_composefs/status.rs`, `get_imginfo`). It is only that of the image where
 * the image's builder wrote the same bytes.
 */
const isOwnMaking = (entry: BootcEntry | null): boolean =>
  entry?.composefs != null && /^[0-9a-f]{64}$/.test(entry.image?.imageDigest ?? "");

function reportedBy(want: SlotExpectation, guest: string, claims: Claims): string | null {
  if (want === null || typeof want === "string") return want;
  const digest = want.manifest ?? claims.of(want);
  if (digest !== null) return digest;
  throw new CannotTell(
    `What guest '${guest}' has to report as '${want.name}' is not known: only its disk was given, and its first boot did not say.`,
    { details: { "to do": "name its OCI image as well: --candidate-oci oci:DIR:TAG" } },
  );
}

function namesOf(images: readonly SlotExpectation[], claims: Claims): Map<string, string> {
  const named = images.filter((image) => image !== null && typeof image !== "string");
  return new Map(
    named.flatMap((image) => {
      const digest = image.manifest ?? claims.of(image);
      return digest === null ? [] : [[digest, image.name]];
    }),
  );
}

function describeDigest(digest: string | null, names: Map<string, string>): string {
  if (digest === null) return "nothing";
  const name = names.get(digest);
  const short = isDigest(digest) ? shortDigest(digest) : digest.slice(0, 40);
  return name === undefined ? short : `${name} (${short})`;
}

function describeEntry(entry: BootcEntry | null, names: Map<string, string>): string {
  if (entry === null) return "nothing";
  if (entry.image !== null) return describeDigest(entry.image.imageDigest, names);
  const commit = entry.ostree?.checksum.slice(0, 12) ?? "unknown";
  return `ostree commit ${commit}${entry.incompatible ? " with local packages" : ""}, not from an image`;
}
