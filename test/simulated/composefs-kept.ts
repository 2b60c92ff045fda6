/** What bootc's composefs backend keeps of each deployment on the simulated disk, and its collection of what nobody needs. */
import { type Answer, ok } from "./exit.ts";
import type { SimulatedImage } from "./simulated-image.ts";
import type { SimulatedSystem } from "./system.ts";

/** Digests of the deployments that something is left of. */
const kept = new WeakMap<SimulatedSystem, Set<string>>();

/** Done whenever something has been staged. */
export function collectDeployments(system: SimulatedSystem): void {
  const all = [...(system.staged === null ? [] : [system.staged]), ...system.deployments];
  const needed = new Set(all.map(({ verity }) => verity));
  if (system.is("keeps-deployments"))
    for (const verity of kept.get(system) ?? []) needed.add(verity);
  if (system.is("loses-deployments")) needed.delete(system.rollback?.verity ?? "");
  kept.set(system, needed);
}

/** True where an image has a deployment that is not booted, and bootc takes it for nothing new (bootc-dev/bootc, `bootc_composefs/update.rs`). */
export const isKeptAlready = (system: SimulatedSystem, { digest }: SimulatedImage): boolean =>
  (system.world.backend === "composefs" || system.is("older-ignored")) &&
  [system.rollback, ...system.others, ...(system.staged === null ? [] : [system.staged])].some(
    (one) => one?.image.digest === digest,
  );

/** Answers `composefsKept`; null for any other script. All simulated images have one kernel. */
export function keptScript(text: string, system: SimulatedSystem): Answer | null {
  if (!text.startsWith("find /sysroot/state/deploy ")) return null;
  const all = [...(kept.get(system) ?? [])];
  const rows = all.flatMap((verity) => [`state ${verity}`, `image ${verity}`]);
  return ok([...rows, `boot bootc_composefs-${all[0] ?? ""}`, ""].join("\n"));
}
