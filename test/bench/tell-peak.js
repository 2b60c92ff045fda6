// Loaded before the program under measurement: at its exit it writes the most memory the process ever held, in KiB.
// It reads VmHWM (proc_pid_status(5)) and not ru_maxrss, which counts what the parent held before exec (getrusage(2)).
import { readFileSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const file = process.env.BOOTGATE_BENCH_PEAK;
if (isMainThread && file !== undefined) {
  process.on("exit", () => {
    const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    writeFileSync(file, peak ?? "NaN");
  });
}
