/** dnf5 for a story: there in the version that it needs, or the story has nothing to judge. */
import type { Image } from "../../images/image.ts";
import { ExpectationFailed } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { lacksLibrary } from "../guest/tools/bootc.ts";
import { type DnfReader, dnfOf, dnfSince, dnfVersion } from "../guest/tools/dnf.ts";
import { isAtLeast } from "../guest/tools/program-version.ts";
import { whyUsrOpen } from "./access-to.ts";
import type { Stage } from "./scenario.ts";

/** The first bootc with `usr-overlay --read-only` (bootc-dev/bootc, crates/lib/src/cli.rs). */
const bootcSince = "1.15";

const whyNoReadOnlyOverlay = (bootc: string): string | null =>
  isAtLeast(bootc, bootcSince)
    ? null
    : `'${bootc.trim()}' does not have usr-overlay --read-only; bootc ${bootcSince} does.`;

/** Skips the story where bootc is too old for `usr-overlay --read-only`, or /usr can be written by the image's own setting. */
export async function needReadOnlyOverlay(guest: Guest, skip: Stage["skip"]): Promise<void> {
  const why = (await whyUsrOpen(guest)) ?? whyNoReadOnlyOverlay(await guest.run`bootc --version`);
  if (why !== null) skip(why);
}

export interface StoryDnf extends DnfReader {
  readonly told: string;
}

/** The version of the guest's dnf5. Skips the story where it is missing; throws ExpectationFailed where the image promises it. */
export async function needDnf(
  guest: Guest,
  skip: Stage["skip"],
  image: Image = guest.image,
): Promise<string> {
  const told = await dnfVersion(guest);
  if (told !== null) return told;
  if (image.catalogue?.promises.includes("dnf5") === true)
    throw new ExpectationFailed("The image does not have dnf5, which it promises.", {
      lookAt: guest.lookAt,
    });
  return skip("The image does not have dnf5.");
}

/** Why a dnf5 of this version cannot be asked for `need` on this system, or null. `any` system: one without bootc is taken as well. */
async function whyNotFor(
  guest: Guest,
  told: string,
  need: keyof typeof dnfSince,
  host: "bootc" | "any",
): Promise<string | null> {
  const since = dnfSince[need];
  if (!isAtLeast(told, since))
    return `dnf5 ${told} does not know of read-only systems as this story asks; ${since} does.`;
  const open = await whyUsrOpen(guest);
  if (open !== null || host === "any") return open;
  // Until bootc is asked, dnf5 goes by this file of ostree's (dnf5 5.2.12, `libdnf5/utils/bootc.cpp`).
  if (
    !isAtLeast(told, dnfSince.bootc) &&
    (await guest.attempt`test -f /run/ostree-booted`).exitCode !== 0
  )
    return `dnf5 ${told} goes by /run/ostree-booted, which this system does not have; ${dnfSince.bootc} asks bootc.`;
  const { exitCode, stderr, stdout: bootc } = await guest.attempt`bootc --version`;
  if (exitCode === 127 && !lacksLibrary.test(stderr)) return "The image does not have bootc.";
  const { spec } = await guest.bootc.status();
  if (spec.image === null)
    return "bootc does not name an image for this system, so dnf5 does not take it for one of bootc.";
  return need === "transient" ? whyNoReadOnlyOverlay(bootc) : null;
}

/** Why a dnf5 of this version installs nothing for one boot on this system, or null. */
export const whyNotTransient = (guest: Guest, told: string): Promise<string | null> =>
  whyNotFor(guest, told, "transient", "bootc");

/**
 * dnf5 of a guest whose image is bootc's. Skips the story where it is missing, too old, or bootc is too old for what it asks; throws ExpectationFailed where the image
 * promises a dnf5 that it does not have.
 */
export async function dnfFor(
  guest: Guest,
  skip: Stage["skip"],
  need: keyof typeof dnfSince,
  host: "bootc" | "any" = "bootc",
): Promise<StoryDnf> {
  const told = await needDnf(guest, skip);
  const why = await whyNotFor(guest, told, need, host);
  if (why !== null) skip(why);
  return { ...dnfOf(guest, told), told };
}
