/** dnf5 for a story: there in the version that it needs, or the story has nothing to judge. */
import type { Image } from "../../images/image.ts";
import { ExpectationFailed } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { lacksLibrary } from "../guest/tools/bootc.ts";
import { composefsOf, isInMemory } from "../guest/tools/composefs.ts";
import { type DnfReader, dnfOf, dnfSince, dnfVersion } from "../guest/tools/dnf.ts";
import { isAtLeast } from "../guest/tools/program-version.ts";
import type { Stage } from "./scenario.ts";

/** The first bootc with `usr-overlay --read-only` (bootc-dev/bootc, crates/lib/src/cli.rs). */
const bootcSince = "1.15";

function requireReadOnlyOverlay(bootc: string, skip: Stage["skip"]): void {
  if (!isAtLeast(bootc, bootcSince))
    skip(`'${bootc.trim()}' does not have usr-overlay --read-only; bootc ${bootcSince} does.`);
}

/** Skips the story where bootc is too old for `usr-overlay --read-only`, or /usr can be written by the image's own setting. */
export async function needReadOnlyOverlay(guest: Guest, skip: Stage["skip"]): Promise<void> {
  const { isRootTransient } = await composefsOf(guest).setting(await guest.backend());
  if (isRootTransient && isInMemory(await guest.ostree.rootMount()))
    skip("/ is transient by the image's own setting, so /usr can be written.");
  requireReadOnlyOverlay(await guest.run`bootc --version`, skip);
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

/**
 * dnf5 of a guest whose image is bootc's; `image` is the booted one where that is another than the guest began with. Skips the story where it is missing, too old, or bootc is too old for what it asks;
 * throws ExpectationFailed where the image promises a dnf5 that it does not have.
 */
export async function dnfFor(
  guest: Guest,
  skip: Stage["skip"],
  need: keyof typeof dnfSince,
  image: Image = guest.image,
  host: "bootc" | "any" = "bootc",
): Promise<StoryDnf> {
  const told = await needDnf(guest, skip, image);
  const since = dnfSince[need];
  if (!isAtLeast(told, since))
    skip(`dnf5 ${told} does not know of read-only systems as this story asks; ${since} does.`);
  const { isRootTransient } = await composefsOf(guest).setting(await guest.backend());
  if (isRootTransient && isInMemory(await guest.ostree.rootMount()))
    skip("/ is transient by the image's own setting, so /usr can be written.");
  const dnf = dnfOf(guest, told);
  if (host === "any") return { ...dnf, told };
  // Until bootc is asked, dnf5 goes by this file of ostree's (dnf5 5.2.12, `libdnf5/utils/bootc.cpp`).
  if (
    !isAtLeast(told, dnfSince.bootc) &&
    (await guest.attempt`test -f /run/ostree-booted`).exitCode !== 0
  )
    skip(
      `dnf5 ${told} goes by /run/ostree-booted, which this system does not have; ${dnfSince.bootc} asks bootc.`,
    );
  const { exitCode, stderr, stdout: bootc } = await guest.attempt`bootc --version`;
  if (exitCode === 127 && !lacksLibrary.test(stderr)) skip("The image does not have bootc.");
  const { spec } = await guest.bootc.status();
  if (spec.image === null)
    skip(
      "bootc does not name an image for this system, so dnf5 does not take it for one of bootc.",
    );
  if (need === "transient") requireReadOnlyOverlay(bootc, skip);
  return { ...dnf, told };
}
