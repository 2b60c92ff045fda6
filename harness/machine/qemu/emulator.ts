/** Finds the QEMU programs of this host and says in time what is missing or too old. */
import { HostUnfit } from "../../base/errors.ts";
import { attemptCommand } from "../../base/process.ts";
import { type ArchitectureFacts, oldestQemu } from "./facts.ts";
import { isOlder, parseQemuVersion } from "./version.ts";

export interface Emulator {
  readonly binary: string;
  /** `7.2.22`. */
  readonly version: string;
}

/** Asks the program for its version. Throws HostUnfit when it is missing, is not QEMU or is too old. */
export async function findEmulator(
  facts: ArchitectureFacts,
  options: { readonly binary?: string; readonly signal?: AbortSignal } = {},
): Promise<Emulator> {
  const binary = options.binary ?? facts.binary;
  const limits = {
    timeoutMs: 10_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const advice = { install: facts.packages };
  const output = await attemptCommand(binary, ["--version"], limits).catch((cause: unknown) => {
    options.signal?.throwIfAborted();
    throw new HostUnfit(`QEMU cannot be started: '${binary}'.`, {
      cause,
      details: {
        reason: String(cause instanceof Error ? cause.message : cause).slice(0, 500),
        ...advice,
      },
      lookAt: "npm run -s bootgate -- doctor",
    });
  });
  const version = parseQemuVersion(output.stdout);
  if (output.exitCode !== 0 || version === null)
    throw new HostUnfit(`'${binary}' is not a QEMU that works.`, {
      details: {
        said: (output.stderr || output.stdout).slice(0, 500) || "nothing",
        "exit code": String(output.exitCode),
        ...advice,
      },
    });
  if (isOlder(version, oldestQemu))
    throw new HostUnfit(`QEMU ${version} is too old; ${oldestQemu} or newer is needed.`, {
      details: advice,
    });
  return { binary, version };
}

/**
 * The program that joins a guest's connection to a port of the host. OpenBSD's nc needs `-N` to end when the guest has
 * closed its side (nc(1)); nmap's ncat does so by itself. Null when the host has none.
 */
export async function findForwardCommand(): Promise<readonly string[] | null> {
  const help = await attemptCommand("nc", ["-h"], { timeoutMs: 5000 }).catch(() => null);
  if (help === null) return null;
  return /OpenBSD/i.test(help.stdout + help.stderr) ? ["nc", "-N"] : ["nc"];
}
