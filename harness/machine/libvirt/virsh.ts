/**
 * libvirt by its own command line. Each call is one `virsh` with a list of arguments, so neither bindings nor a library of
 * libvirt's are needed, and a person can type what the harness does. What virsh says is English by LC_ALL=C.
 */
import { HostUnfit, type MachineFault, type UsageError } from "../../base/errors.ts";
import {
  attemptCommand,
  type CommandOutput,
  type OwnedProcess,
  type StartOptions,
  startProcess,
} from "../../base/process.ts";
import { libvirtFault } from "./faults.ts";

const environment = { LC_ALL: "C" };
/** Budget of one call, in milliseconds. libvirt asks each QEMU program for its abilities at its first use, which took 15 s on a busy emulating host. */
const callMs = 120_000;

export const virshPackages =
  "apt install libvirt-daemon-system libvirt-clients, or dnf install libvirt-daemon-kvm libvirt-client";

/** For a domain that is to go with all that libvirt keeps of it, also what somebody else made of it (virsh(1), undefine). */
export const undefineWords = [
  "--nvram",
  "--managed-save",
  "--snapshots-metadata",
  "--checkpoints-metadata",
] as const;

export class Virsh {
  readonly uri: string;
  readonly #binary: string;

  constructor(uri: string, binary = "virsh") {
    this.uri = uri;
    this.#binary = binary;
  }

  /** Runs one command of virsh and returns what it says, with its exit code. Throws HostUnfit when there is no virsh. */
  async attempt(
    args: readonly string[],
    signal: AbortSignal,
    input?: string,
  ): Promise<CommandOutput> {
    const limits = { signal, timeoutMs: callMs, env: environment };
    try {
      return await attemptCommand(this.#binary, ["--quiet", "--connect", this.uri, ...args], {
        ...limits,
        ...(input === undefined ? {} : { input }),
      });
    } catch (error) {
      if (error instanceof HostUnfit && /has no command/.test(error.headline))
        throw new HostUnfit("The host has no command 'virsh', by which libvirt is spoken to.", {
          cause: error,
          details: { install: virshPackages },
          lookAt: "npm run -s bootgate -- doctor",
        });
      throw error;
    }
  }

  /** Runs a command that has to succeed. Throws what `libvirtFault` makes of its words. */
  async run(args: readonly string[], signal: AbortSignal, input?: string): Promise<string> {
    const output = await this.attempt(args, signal, input);
    if (output.exitCode === 0) return output.stdout;
    throw this.fault(args, output.stderr || output.stdout);
  }

  /** The error that virsh's words stand for. */
  fault(args: readonly string[], said: string): HostUnfit | MachineFault | UsageError {
    return libvirtFault({ uri: this.uri, command: args[0] ?? "", said });
  }

  /** Starts a virsh that stays on the line: `words` are commands of virsh with semicolons between them. It ends with the harness. */
  stay(words: string, options: StartOptions): OwnedProcess {
    return startProcess(this.#binary, ["--connect", this.uri, words], {
      ...options,
      env: environment,
    });
  }
}

/** The URI that virsh itself would take: of LIBVIRT_DEFAULT_URI, of libvirt.conf, else the system's for root and the session's for others. */
export async function defaultUri(signal: AbortSignal, binary = "virsh"): Promise<string> {
  const known = process.env.LIBVIRT_DEFAULT_URI ?? process.env.VIRSH_DEFAULT_CONNECT_URI ?? "";
  if (known !== "") return known;
  const fallback = process.getuid?.() === 0 ? "qemu:///system" : "qemu:///session";
  const output = await attemptCommand(binary, ["--quiet", "uri"], {
    signal,
    timeoutMs: callMs,
    env: environment,
  }).catch(() => null);
  const found = output?.exitCode === 0 ? output.stdout.trim() : "";
  return found === "" ? fallback : found;
}
