/**
 * Health checks of the harness's own in an image with greenboot, and what a boot is that they let through. Images with them are derived, so
 * reports list them.
 */
import type { Image, ImageChange } from "../../images/image.ts";
import { CannotTell, ExpectationFailed } from "../base/errors.ts";
import { bootIdPath } from "../guest/commands.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";
import { networkAdvice } from "../guest/network-advice.ts";
import {
  checkFolder,
  type Greenboot,
  greenbootOf,
  healthUnit,
  statedBoots,
} from "../guest/tools/greenboot.ts";
import { grubOf } from "../guest/tools/grub.ts";
import { apartByNetwork } from "./closed-network.ts";
import { expectThat } from "./expect.ts";
import { skipUnlessPromised } from "./promised.ts";
import type { Stage } from "./scenario.ts";

/** `required`: a boot is green only if it succeeds. `wanted`: it is told and changes nothing. */
export type CheckKind = "required" | "wanted";

const script = "90-bootgate.sh";
export const checkPath = (kind: CheckKind): string => `${checkFolder}/${kind}.d/${script}`;
/** Below /var, which all deployments share. */
const countPath = (kind: CheckKind): string => `/var/lib/bootgate-${kind}-check`;

/** A change that gives an image a check, which leaves the boot's ID behind each time that it runs. */
export const withCheck = (kind: CheckKind, isGood: boolean): ImageChange => ({
  name: `${kind}-${isGood ? "good" : "bad"}`,
  files: {
    [checkPath(kind)]: {
      text: `#!/bin/bash\ncat ${bootIdPath} >> ${countPath(kind)}\nsync\nexit ${isGood ? 0 : 1}\n`,
      isExecutable: true,
    },
  },
});

/** IDs of the boots in which such a check ran, each once. */
async function checkedBoots(guest: Guest, kind: CheckKind): Promise<readonly string[]> {
  const text = (await guest.files.read(countPath(kind))) ?? "";
  return [...new Set(text.split("\n").filter((line) => line !== ""))];
}

/** The wanted check of the image ran in this boot, by what it left behind or by what greenboot says of it. */
export async function expectWantedRan(guest: Guest): Promise<void> {
  const bootId = await guest.bootId();
  if ((await checkedBoots(guest, "wanted")).includes(bootId)) return;
  const lines = await journalOf(guest, 500);
  expectThat(
    lines.some((line) => line.includes(script)),
    "A wanted check of the image did not run in this boot.",
    { check: checkPath("wanted") },
  );
}

/**
 * The deployment whose required check fails had no more boots than `statedBoots` has of the image's configuration. Returns how many.
 * Throws CannotTell where nobody counted them.
 */
export async function expectStatedBoots(guest: Guest, greenboot: Greenboot): Promise<number> {
  const boots = (await checkedBoots(guest, "required")).length;
  const stated = statedBoots(greenboot);
  if (boots === 0)
    throw new CannotTell(
      "The check that fails has left no trace in /var, so its boots are not known.",
      {
        lookAt: guest.lookAt,
      },
    );
  expectThat(boots <= stated, "An update whose check fails was booted more often than stated.", {
    boots: String(boots),
    stated: `${stated}, by GREENBOOT_MAX_BOOT_ATTEMPTS=${greenboot.maxAttempts}`,
  });
  return boots;
}

/**
 * What there is of greenboot in a guest. Ends the story where nothing of it works by itself: as a broken promise of the image that is
 * judged, or as skipped.
 */
export async function needGreenboot(
  guest: Guest,
  { image, skip }: { image: Image; skip: Stage["skip"] },
): Promise<Greenboot> {
  const orSkip = (reason: string): never =>
    skipUnlessPromised({ image, promise: "greenboot", skip }, reason);
  const found = await greenbootOf(guest).found();
  if (found === null) return orSkip("The image does not have greenboot.");
  if (!found.isEnabled)
    return orSkip(`${healthUnit} is not enabled, so no health check runs at boot.`);
  if ((await grubOf(guest).environment()) === null)
    return orSkip("The image does not have grub2-editenv, by which greenboot tells GRUB.");
  return found;
}

/**
 * This boot is green: its health checks have ended well, GRUB is told so, and so is a person.
 * Throws CannotTell where the checks needed a network that the harness has closed.
 */
export async function expectGreen(guest: Guest): Promise<void> {
  const greenboot = greenbootOf(guest);
  await guest.systemd.settled();
  const { state, result } = await greenboot.check();
  if (state !== "active") await throwRed(guest, { state, result });
  const told = (await grubOf(guest).environment()) ?? {};
  const { boot_success: success, boot_counter: counter } = told;
  expectThat(
    success === "1" && counter === undefined,
    "The health checks have ended well, and GRUB's environment does not say that the boot was a good one.",
    { boot_success: success ?? "not set", boot_counter: counter ?? "not set" },
  );
  const status = await greenboot.status();
  expectThat(
    status !== null && /\bGREEN\b/.test(status),
    "The health checks have ended well, and the message of the day does not say so.",
    { "message of the day": status === null ? "there is none" : excerptEnd(status, 500) },
  );
}

async function throwRed(
  guest: Guest,
  check: { readonly state: string; readonly result: string },
): Promise<never> {
  const lines = await guest.systemd.journal({ unit: healthUnit, lines: 15 });
  const details = { ...check, journal: excerptEnd(lines.join("\n"), 1500) || "nothing" };
  const { lookAt } = guest;
  if (check.state === "failed" && (await apartByNetwork(guest, [healthUnit])).own.length === 0)
    throw new CannotTell(
      "The health checks of this boot failed, and they wait for a network that the harness has closed.",
      { details: { ...details, "to do": networkAdvice }, lookAt },
    );
  throw new ExpectationFailed("The health checks of this boot have not ended well.", {
    details,
    lookAt,
  });
}

/** Whether this boot tells a person, or at least its journal, that it is one after a fallback. */
export async function tellsFallback(guest: Guest): Promise<boolean> {
  const said = /FALLBACK BOOT DETECTED|fallback detected/i;
  if (said.test((await greenbootOf(guest).status()) ?? "")) return true;
  return (await journalOf(guest, 200)).some((line) => said.test(line));
}

/** What all of greenboot said in this boot. */
const journalOf = (guest: Guest, lines: number): Promise<readonly string[]> =>
  guest.systemd.journal({ unit: "greenboot*", lines });
