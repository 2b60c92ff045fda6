/** Versions of QEMU: read from what the program says of itself, compared, and what follows from them. Pure. */
import type { ArchitectureFacts } from "./facts.ts";

/** The version in the first line of `qemu-system-* --version`, or null. */
export function parseQemuVersion(text: string): string | null {
  return /^QEMU emulator version (\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)/.exec(text)?.[1] ?? null;
}

/** Whether `version` is older than `than`; major and minor decide. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number));
  const [major = 0, minor = 0] = a ?? [];
  const [wantMajor = 0, wantMinor = 0] = b ?? [];
  return major < wantMajor || (major === wantMajor && minor < wantMinor);
}

/**
 * The first QEMU that may emulate each processor of a guest on a host thread of its own. In older ones a processor that
 * runs into a place that another is just patching meets a breakpoint that is gone again when it is looked for, and the
 * kernel dies of `Oops: int3: 0000`: a fault of the emulator that would be held against the image. Seen with QEMU 7.2.22
 * in 2 of 300 boots of a bare kernel (https://bugzilla.redhat.com/show_bug.cgi?id=2216496); mended by the change "accel/tcg:
 * Always lock pages before translation", which came with 8.1 (https://github.com/multipath-tcp/mptcp_net-next/issues/471).
 */
export const firstThreadSafeQemu = "8.1";

export interface Emulation {
  /** Version of QEMU. */
  readonly version: string;
  /** Node's name of the host's architecture. */
  readonly hostArchitecture: string;
}

/**
 * How many host threads emulate the processors of a guest. `multi` is a thread for each processor; besides the version it
 * wants a host that keeps memory in the order that the guest's programs rely on (docs/devel/multi-thread-tcg.rst of QEMU).
 */
export function emulationThreads(
  { version, hostArchitecture }: Emulation,
  facts: ArchitectureFacts,
): "single" | "multi" {
  const isSafe = !isOlder(version, firstThreadSafeQemu);
  return isSafe && facts.threadHosts.includes(hostArchitecture) ? "multi" : "single";
}

/** The value of `-accel`, which is also part of a template's key. */
export const accelerationOf = (
  accelerator: "kvm" | "tcg",
  emulation: Emulation,
  facts: ArchitectureFacts,
): string =>
  accelerator === "tcg" ? `tcg,thread=${emulationThreads(emulation, facts)}` : accelerator;
