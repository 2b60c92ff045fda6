/** A share of the host for work that is not a run's job, such as a shell: runs beside it know of it, and it waits for them. */
import { ensureWorkspaceRoot } from "../base/workspace.ts";
import type { HostCost } from "../machine/machine.ts";
import { measureHost } from "./host-capacity.ts";
import { openHostShares } from "./host-shares.ts";
import { HostBudget } from "./schedule.ts";

/** The budget of this process, shared with all other runs of this user on this host. */
export async function openHostBudget(): Promise<HostBudget> {
  const measure = async () => measureHost(await ensureWorkspaceRoot());
  return new HostBudget(await measure(), { shares: openHostShares(), measure });
}

/** Takes the cost, once `onWait` was told where it has to be waited for. Throws as `HostBudget.take` does. */
export async function takeTold(
  budget: HostBudget,
  cost: HostCost,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: () => void },
): Promise<Disposable> {
  const now = await budget.takeNow(cost, signal);
  if (now !== null) return now;
  onWait();
  return budget.take(cost, signal);
}
