/** Takes a share of a host with 3000 MiB and holds it until it is killed; says `holds` then. Arguments: MiB, a lock. */
import { openHostShares } from "../../../harness/engine/host-shares.ts";
import { HostBudget } from "../../../harness/engine/schedule.ts";

const [memoryMiB = "", lock = ""] = process.argv.slice(2);
const host = new HostBudget(
  { memoryMiB: 3000, cpus: 16, diskMiB: 1000 },
  { shares: openHostShares() },
);
process.stdout.write("asks\n");
await host.take(
  { memoryMiB: Number(memoryMiB), cpus: 1, diskMiB: 1, locks: lock === "" ? [] : [lock] },
  new AbortController().signal,
);
process.stdout.write("holds\n");
setInterval(() => undefined, 60_000);
