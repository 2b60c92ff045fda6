/** greenboot of the simulated guest: what it does once a boot is a good one, and in a boot of another entry than the one that was to come. */
import type { Deployment, SimulatedSystem } from "./system.ts";

/** Of the deployment that an update is to boot, until its health checks have ended well (greenboot-rs, fedora-iot/greenboot-rs#181). */
const next = "greenboot_next_deployment_id";

const makeDefault = (system: SimulatedSystem, first: Deployment): void => {
  system.deployments = [first, ...system.deployments.filter((one) => one !== first)];
};

/** An update was finalised. */
export function noteNext({ world, bootLoader }: SimulatedSystem, { checksum }: Deployment): void {
  if (world.healthChecks === "slow")
    bootLoader.grub.editEnvironment(["grubenv", "set", `${next}=${checksum}`]);
}

/** At the start of a boot. `isFallback`: GRUB started the older entry since the counter had run out. */
export function checkFallback(system: SimulatedSystem, isFallback: boolean): void {
  const { grub } = system.bootLoader;
  // 0.15, `greenboot-rpm-ostree-grub2-check-fallback`.
  if (isFallback && system.world.rollsBackItself) {
    makeDefault(system, system.booted);
    grub.editEnvironment(["grubenv", "unset", "boot_counter"]);
  }
  const awaited = grub.told(next);
  const other = system.deployments.find(({ checksum }) => checksum === awaited);
  if (awaited === undefined || system.booted.checksum === awaited) return;
  // It takes any other boot for a fallback of GRUB's, and rolls back once more.
  if (other !== undefined) makeDefault(system, other);
  grub.editEnvironment(["grubenv", "unset", next]);
}

/** The start-up has ended, and its health checks with it. */
export function endHealthChecks({ bootLoader: { grub }, booted }: SimulatedSystem): void {
  if (grub.told(next) === booted.checksum) grub.editEnvironment(["grubenv", "unset", next]);
}
