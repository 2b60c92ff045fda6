/**
 * What fails because the harness has closed the network around its guests: what lies outside proves nothing. With the network open
 * nothing is excused.
 */
import { BootFailed, CannotTell } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { networkAdvice } from "../guest/network-advice.ts";
import type { MachineSpec } from "../machine/machine.ts";
import type { Rows } from "./out-of-memory.ts";

/** Units that failed or are stuck: the image's own, and those that had to wait for a network that the harness has closed. */
export interface Apart {
  readonly own: readonly string[];
  readonly outside: readonly string[];
}

/** Takes units apart by whether they are ordered after the network or want it. Asks the guest only where the answer counts. */
export async function apartByNetwork(guest: Guest, units: readonly string[]): Promise<Apart> {
  if (units.length === 0 || guest.machine.network === "open") return { own: units, outside: [] };
  const needing = new Set(await guest.systemd.needNetwork(units));
  return {
    own: units.filter((unit) => !needing.has(unit)),
    outside: units.filter((unit) => needing.has(unit)),
  };
}

/** A line by which greenboot says that a script has failed: `Script 'NAME' FAILURE (exit code '1')`, or with its path. */
const failedScript = /\bgreenboot\b.{0,200}?([^\s/'"]{1,100}\.sh)\b.{0,200}fail/i;
/** What need not succeed for a boot to be green. */
const isWanted = /wanted|Continuing\.\.\./i;
/** What the checks that come with greenboot look for, and others of their kind, by their names. */
const ofNetwork = /network|dns|repositor|update|online|internet|connect|registr|watchdog/i;

/**
 * The error to blame for a boot that greenboot has ended: CannotTell where the network is closed and no row of the console names a
 * check that has failed for another reason. Its standard checks resolve names and reach servers
 * (fedora-iot/greenboot, `usr/lib/greenboot/check`).
 */
export function unlessClosed(
  error: unknown,
  { all }: Pick<Rows, "all">,
  specs: readonly Pick<MachineSpec, "network">[],
): unknown {
  if (!(error instanceof BootFailed) || error.pattern !== "greenboot-red") return error;
  if (!specs.some(({ network }) => network === "closed")) return error;
  const failed = all.flatMap((row) => {
    const name = isWanted.test(row) ? undefined : failedScript.exec(row)?.[1];
    return name === undefined ? [] : [name];
  });
  if (failed.some((name) => !ofNetwork.test(name))) return error;
  return new CannotTell(
    "A health check of greenboot failed in a guest whose network the harness has closed, and nothing shows that it failed for another reason.",
    {
      cause: error,
      details: {
        why: error.headline,
        ...error.details,
        checks: failed.slice(0, 5).join(", ") || undefined,
        "to do": networkAdvice,
      },
      lookAt: error.lookAt,
    },
  );
}
