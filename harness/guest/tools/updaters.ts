/**
 * What makes an image upgrade itself. In a story such an upgrade would come in between, from the harness's own registry: a fork's clock is
 * set forward, so a timer that makes up for what it missed (systemd.timer(5), Persistent=) fires at once. They are stopped for as long
 * as the boot lasts; nothing is written to the disk.
 */
import { type Deviation, deviation } from "../../base/deviations.ts";
import { CannotTell, quoting } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { excerptEnd } from "../excerpt.ts";
import type { Guest } from "../guest.ts";
import { parseBlocks } from "./properties.ts";

/** Of bootc, rpm-ostree, Universal Blue (uupd and its predecessor) and Fedora CoreOS. */
export const updaters: readonly string[] = [
  "bootc-fetch-apply-updates.timer",
  "rpm-ostreed-automatic.timer",
  "uupd.timer",
  "ublue-update.timer",
  "zincati.service",
];

type Quiet = Pick<Guest, "name" | "lookAt" | "aside">;

/** Guests whose updaters are stopped after each of their boots. */
const quieted = new WeakMap<object, (deviation: Deviation) => void>();

/** Stops them in this boot of a guest, and after each further one. Throws CannotTell where one cannot be stopped. */
export async function stopUpdaters(
  guest: Quiet,
  onDeviation: (deviation: Deviation) => void = () => undefined,
): Promise<void> {
  quieted.set(guest, onDeviation);
  const asked = commands.unitProperties("Id,UnitFileState,ActiveState", updaters);
  const { stdout } = await guest.aside.exec(asked);
  const found = parseBlocks(stdout).flatMap((told) => {
    const { Id = "", UnitFileState = "", ActiveState = "inactive" } = told;
    const isThere =
      UnitFileState.startsWith("enabled") || !/^(?:inactive|failed)$/.test(ActiveState);
    return isThere && updaters.includes(Id) ? [Id] : [];
  });
  if (found.length === 0) return;
  // One that is enabled may be about to start: that is called off with it.
  const { exitCode, stderr } = await guest.aside.exec(commands.stopUnits(found));
  if (exitCode !== 0)
    throw new CannotTell(
      quoting`What upgrades guest '${guest.name}' by itself could not be stopped.`,
      {
        details: { units: found.join(", "), stderr: excerptEnd(stderr, 500) || undefined },
        lookAt: guest.lookAt,
      },
    );
  onDeviation(deviation("updates-stopped", found.join(", ")));
}

/** The same after another boot of a guest in which they were stopped. */
export async function stopUpdatersAgain(guest: Quiet): Promise<void> {
  const onDeviation = quieted.get(guest);
  if (onDeviation !== undefined) await stopUpdaters(guest, onDeviation);
}
