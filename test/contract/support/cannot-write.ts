/** Takes a share of a host with 3000 MiB and a board, and cannot write a byte from then on; says `holds`, then what becomes of its second job. */
import { attemptCommand } from "../../../harness/base/process.ts";
import { openHostShares } from "../../../harness/engine/host-shares.ts";
import { HostBudget } from "../../../harness/engine/schedule.ts";

const cost = { memoryMiB: 2000, cpus: 1, diskMiB: 1, locks: ["board:pi4-02"] };
const { signal } = new AbortController();
const host = new HostBudget(
  { memoryMiB: 3000, cpus: 16, diskMiB: 1000 },
  { shares: openHostShares() },
);
await host.take(cost, signal);
// Its default ends the process (signal(7)); with a handler the write fails instead, as on a full disk.
process.on("SIGXFSZ", () => undefined);
await attemptCommand("prlimit", ["--pid", String(process.pid), "--fsize=0"]);
const next = host.take({ ...cost, memoryMiB: 500, locks: [] }, signal);
// The round that lets nobody in has been when this returns.
await host.takeNow({ ...cost, locks: [] }, signal);
const word = await Promise.race([
  next.then(
    () => "begins",
    (error: Error) => error.message,
  ),
  new Promise((resolve) => setImmediate(() => resolve("waits"))),
]);
process.stdout.write(`holds, and its next job ${word}\n`);
setInterval(() => undefined, 60_000);
