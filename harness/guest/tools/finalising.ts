/**
 * Deployments as a story expects them, and why a reboot may have landed in the old system: what is staged is completed on the way down,
 * and where that fails nobody is told (bootc-dev/bootc#855). The journal of the boot that ended says it.
 */
import type { Image } from "../../../images/image.ts";
import { ExpectationFailed } from "../../base/errors.ts";
import { excerptEnd } from "../excerpt.ts";
import type { BootcCommands } from "./bootc.ts";
import {
  type Claims,
  checkDeployments,
  type DeploymentsExpectation,
  isOtherBooted,
} from "./deployments.ts";
import type { SystemdReader } from "./systemd.ts";

/** What completes a staged deployment at shutdown: with the ostree backend, with the composefs backend. */
const finalisers = ["ostree-finalize-staged.service", "bootc-finalize-staged.service"];

interface Deployed {
  readonly name: string;
  readonly image: Image;
  readonly bootc: BootcCommands;
  readonly systemd: SystemdReader;
}

/** Throws what `checkDeployments` does; where another system booted than expected, with what the finalisation of the last boot logged. */
export async function expectDeploymentsOf(
  guest: Deployed,
  expected: DeploymentsExpectation,
  claims?: Claims,
): Promise<void> {
  const host = await guest.bootc.status();
  try {
    checkDeployments(guest.name, host, expected, [guest.image], claims);
  } catch (error) {
    if (!(error instanceof ExpectationFailed)) throw error;
    const finalising = isOtherBooted(error) ? await finalisingOf(guest) : "";
    if (finalising === "") throw error;
    throw new ExpectationFailed(error.headline, {
      details: { ...error.details, finalising: excerptEnd(finalising, 4000) },
      lookAt: error.lookAt,
    });
  }
}

/** Empty where the last boot has no journal, or no line of it; what was found wrong is told in any case. */
async function finalisingOf({ systemd }: Deployed): Promise<string> {
  const journals = await Promise.all(
    finalisers.map((unit) => systemd.journal({ boot: -1, unit, lines: 40 }).catch(() => [])),
  );
  return journals.flat().join("\n");
}
