/**
 * The network of a domain. The domain's card ends at a port of the loopback (`<interface type='client'>`), and there a QEMU
 * without a machine joins it to the same user network that the QEMU driver has: closed, with the same addresses, and with
 * a program for each connection to the registry, which libvirt's sandbox forbids in the domain itself. It needs no rights.
 */
import { join } from "node:path";
import { MachineFault } from "../../base/errors.ts";
import { freePort } from "../../base/free-port.ts";
import type { MachineSpec } from "../machine.ts";
import { userNetwork } from "../qemu/qemu-argv.ts";
import { exitDetails, QemuEndedEarly, startQemu } from "../qemu/qemu-process.ts";

export interface WireOptions {
  readonly binary: string;
  readonly spec: Pick<MachineSpec, "name" | "network" | "forwards">;
  readonly forwardCommand: readonly string[];
  /** A private folder for the monitor's socket. */
  readonly socketFolder: string;
  /** Where sshd of the guest is reached; another one where it is taken. */
  readonly sshPort: number;
  readonly greetingMs: number;
  readonly signal: AbortSignal;
}

export interface Wire extends AsyncDisposable {
  /** Where the domain's card connects to. */
  readonly port: number;
  readonly sshPort: number;
  /** Rejects with MachineFault when it ends without being told to; never resolves. */
  readonly died: Promise<never>;
}

/** The arguments of the QEMU that is the wire. Pure. */
export function wireArgv(how: {
  readonly monitorSocket: string;
  readonly network: Parameters<typeof userNetwork>[0];
  readonly port: number;
}): string[] {
  return [
    ...["-machine", "none", "-nodefaults", "-no-user-config", "-display", "none"],
    ...["-chardev", `socket,id=monitor,path=${how.monitorSocket.replaceAll(",", ",,")},server=off`],
    ...["-mon", "chardev=monitor,mode=control"],
    ...["-netdev", userNetwork(how.network)],
    ...["-netdev", `socket,id=line,listen=127.0.0.1:${how.port}`],
    ...["-netdev", "hubport,id=inside,hubid=0,netdev=line"],
    ...["-netdev", "hubport,id=outside,hubid=0,netdev=net0"],
  ];
}

/** Starts the wire; it listens when this returns. Throws MachineFault with QEMU's own words. */
export async function openWire(options: WireOptions): Promise<Wire> {
  try {
    return await open(options, options.sshPort);
  } catch (error) {
    if (!(error instanceof QemuEndedEarly)) throw error;
    if (error.portTaken) return open(options, await freePort());
    const { details } = error;
    throw new MachineFault(`The network of machine '${options.spec.name}' did not start.`, {
      details,
      cause: error,
    });
  }
}

async function open(
  { binary, spec, forwardCommand, socketFolder, greetingMs, signal }: WireOptions,
  sshPort: number,
): Promise<Wire> {
  const monitorSocket = join(socketFolder, "wire");
  const port = await freePort();
  const network = {
    open: spec.network === "open",
    sshPort,
    forwards: spec.forwards,
    forwardCommand,
  };
  const running = await startQemu({
    binary,
    argv: wireArgv({ monitorSocket, network, port }),
    monitorSocket,
    onEvent: () => undefined,
    greetingMs,
    signal,
  });
  let isEnding = false;
  const died = running.ended.then((facts): Promise<never> => {
    if (isEnding) return new Promise(() => undefined);
    throw new MachineFault(`The network of machine '${spec.name}' died.`, {
      details: exitDetails(facts),
    });
  });
  died.catch(() => undefined);
  return {
    port,
    sshPort,
    died,
    async [Symbol.asyncDispose]() {
      isEnding = true;
      await running.process.kill();
      await running.ended;
    },
  };
}
