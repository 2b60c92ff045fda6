/** What a reader must know of the host to judge the figures: a loaded or emulating host explains most surprises. */
import { cpus, loadavg, totalmem } from "node:os";
import { formatBytes } from "../../harness/base/units.ts";
import { cacheRoot } from "../../harness/base/workspace.ts";
import { createQemuDriver } from "../../harness/machine/qemu/driver.ts";

/** The load averages of 1, 5 and 15 minutes (proc_loadavg(5)). */
export const loadNow = (): string =>
  loadavg()
    .map((load) => load.toFixed(2))
    .join(" ");

/** Facts by label. QEMU is asked only when something is going to boot: its accelerator may have to be probed. */
export async function hostFacts(options: {
  readonly boots: boolean;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<Record<string, string>> {
  const { boots, say, signal } = options;
  const processors = cpus();
  const facts = {
    processors: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}`,
    memory: formatBytes(totalmem()),
    node: process.versions.node,
    "load at start": loadNow(),
  };
  if (!boots) return facts;
  const driver = await createQemuDriver({ cacheDir: cacheRoot(), onProgress: say, signal });
  const { accelerator, version } = driver;
  return { ...facts, qemu: `${version}, accelerator ${accelerator}` };
}
