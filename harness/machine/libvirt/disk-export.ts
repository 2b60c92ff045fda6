/**
 * A disk of a domain, served over the loopback by `qemu-nbd` (qemu-nbd(8)). The file stays the harness's: libvirt neither
 * opens it nor changes its owner or label, and it may lie in a folder that the daemon's user cannot enter.
 */
import { join } from "node:path";
import { MachineFault } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import { freePort } from "../../base/free-port.ts";
import { type ExitFacts, startProcess } from "../../base/process.ts";
import { waitFor } from "../../base/wait.ts";
import type { AttachedDisk } from "../qemu/qemu-argv.ts";
import { exitDetails } from "../qemu/qemu-process.ts";

export interface DiskExport extends AsyncDisposable {
  readonly port: number;
  /** Rejects with MachineFault when it ends without being told to; never resolves. */
  readonly died: Promise<never>;
}

export interface ExportOptions {
  readonly disk: AttachedDisk;
  /** `disk0`, for messages and the file with its number. */
  readonly name: string;
  readonly machine: string;
  readonly folder: string;
  readonly budgetMs: number;
  readonly signal: AbortSignal;
  readonly binary?: string;
}

/** One client at a time: once the domain has it, nobody else on the host does. Pure. */
export const exportArgv = (
  { path, format, readOnly = false, kind }: AttachedDisk,
  { port, pidFile }: { readonly port: number; readonly pidFile: string },
): string[] => [
  ...["--persistent", "--shared=1", "--bind=127.0.0.1", `--port=${port}`, `--format=${format}`],
  ...(readOnly || kind === "cdrom" ? ["--read-only"] : ["--cache=unsafe", "--discard=unmap"]),
  ...[`--pid-file=${pidFile}`, path],
];

/** Serves a disk; it listens when this returns. A port that was taken meanwhile is replaced once. Throws MachineFault. */
export async function exportDisk(options: ExportOptions): Promise<DiskExport> {
  try {
    return await serve(options);
  } catch (error) {
    const isTaken = error instanceof MachineFault && /Address already in use/.test(error.message);
    if (isTaken) return serve(options);
    throw error;
  }
}

async function serve(options: ExportOptions): Promise<DiskExport> {
  const { disk, name, machine, folder, budgetMs, signal, binary = "qemu-nbd" } = options;
  const port = await freePort();
  const pidFile = join(folder, `${name}-${port}.pid`);
  const child = startProcess(binary, exportArgv(disk, { port, pidFile }));
  let isEnding = false;
  const died = child.exited.then((facts): Promise<never> => {
    if (isEnding) return new Promise(() => undefined);
    throw ended(machine, name, facts);
  });
  died.catch(() => undefined);
  try {
    // qemu-nbd writes it once it listens.
    await waitFor({
      what: `the server of ${name}`,
      probe: async () => ((await exists(pidFile)) ? true : undefined),
      timeoutMs: budgetMs,
      intervalMs: 20,
      giveUpWhen: died,
      signal,
      onTimeout: () =>
        new MachineFault(`The server of ${name} of machine '${machine}' does not come up.`),
    });
  } catch (error) {
    isEnding = true;
    await child.kill();
    throw error;
  }
  return {
    port,
    died,
    async [Symbol.asyncDispose]() {
      isEnding = true;
      await child.stop();
    },
  };
}

const ended = (machine: string, name: string, facts: ExitFacts): MachineFault =>
  new MachineFault(`The server of ${name} of machine '${machine}' ended.`, {
    details: exitDetails(facts),
  });
