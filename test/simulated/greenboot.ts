/** greenboot of the simulated guest: what it does once a boot is a good one, and in a boot of another entry than the one that was to come. */
import type { SimulatedGrub } from "./grub-config.ts";
import type { HealthChecks } from "./world-options.ts";

interface Deployed {
  readonly checksum: string;
}

/** What of the system it sees. */
interface CheckedSystem<One extends Deployed> {
  readonly world: { readonly healthChecks: HealthChecks; readonly rollsBackItself: boolean };
  readonly bootLoader: { readonly grub: SimulatedGrub };
  readonly booted: One;
  deployments: One[];
}

/** Of the deployment that an update is to boot, until its health checks have ended well (greenboot-rs, fedora-iot/greenboot-rs#181). */
const next = "greenboot_next_deployment_id";

function makeDefault<One extends Deployed>(system: CheckedSystem<One>, first: One): void {
  system.deployments = [first, ...system.deployments.filter((one) => one !== first)];
}

/** An update was finalised. */
export function noteNext<One extends Deployed>(
  { world, bootLoader }: CheckedSystem<One>,
  { checksum }: One,
): void {
  if (world.healthChecks === "slow")
    bootLoader.grub.editEnvironment(["grubenv", "set", `${next}=${checksum}`]);
}

/** At the start of a boot. `isFallback`: GRUB started the older entry since the counter had run out. */
export function checkFallback<One extends Deployed>(
  system: CheckedSystem<One>,
  isFallback: boolean,
): void {
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
export function endHealthChecks<One extends Deployed>({
  bootLoader: { grub },
  booted,
}: CheckedSystem<One>): void {
  if (grub.told(next) === booted.checksum) grub.editEnvironment(["grubenv", "unset", next]);
}
