/** What a domain finds on the loopback while it is on: its disks, its network and its console. All of it ends together. */
import type { MachineSpec } from "../machine.ts";
import type { AttachedDisk } from "../qemu/qemu-argv.ts";
import { type ConsoleRelay, openConsoleRelay } from "./console-relay.ts";
import { type DiskExport, exportDisk } from "./disk-export.ts";
import { openWire, type Wire } from "./wire.ts";

export interface ServiceOptions {
  readonly spec: MachineSpec;
  readonly disks: readonly AttachedDisk[];
  /** The program that is the network. */
  readonly qemu: string;
  readonly forwardCommand: readonly string[];
  readonly folder: string;
  readonly socketFolder: string;
  readonly consolePath: string;
  readonly sshPort: number;
  readonly greetingMs: number;
  readonly signal: AbortSignal;
}

export interface Services extends AsyncDisposable {
  readonly disks: readonly { readonly port: number }[];
  readonly wire: Wire;
  readonly relay: ConsoleRelay;
  /** Rejects with MachineFault as soon as one has died; never resolves. */
  readonly died: Promise<never>;
}

/** Opens all of them. Throws MachineFault; then none is left. */
export async function openServices(options: ServiceOptions): Promise<Services> {
  const { spec, folder, signal, greetingMs } = options;
  const opened: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.reverse()) await one[Symbol.asyncDispose]();
    opened.length = 0;
  };
  try {
    const disks: DiskExport[] = [];
    for (const [index, disk] of options.disks.entries()) {
      const served = await exportDisk({
        ...{ disk, folder, signal, machine: spec.name, name: `disk${index}` },
        budgetMs: greetingMs,
      });
      opened.push(served);
      disks.push(served);
    }
    const wire = await openWire({
      ...{ spec, greetingMs, signal, sshPort: options.sshPort, binary: options.qemu },
      forwardCommand: options.forwardCommand,
      socketFolder: options.socketFolder,
    });
    opened.push(wire);
    const relay = await openConsoleRelay(options.consolePath, { greetingMs, signal });
    opened.push(relay);
    const died = Promise.race([wire.died, relay.died, ...disks.map((one) => one.died)]);
    died.catch(() => undefined);
    return { disks, wire, relay, died, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
