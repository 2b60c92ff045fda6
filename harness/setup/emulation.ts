/**
 * Emulation as fast as this host can have it: where KVM does not work and QEMU is too old to emulate a guest on several
 * host threads, the set-up takes a newer one from Debian's backports. That it cannot be had is never a failure.
 */
import { hostArchitecture } from "../../images/image.ts";
import { BootgateError } from "../base/errors.ts";
import { isOpenTo } from "../base/exists.ts";
import { cacheRoot } from "../base/workspace.ts";
import { driverOptions } from "../cli/wiring/probe-kernel.ts";
import { findAccelerator } from "../machine/qemu/accelerator.ts";
import { findEmulator } from "../machine/qemu/emulator.ts";
import { architectureFacts } from "../machine/qemu/facts.ts";
import { emulationThreads, firstThreadSafeQemu } from "../machine/qemu/version.ts";
import { type AptHost, isSlow, qemuPackages, releaseQemu, takeBackports } from "./backports.ts";

/** Whether this user may open `/dev/kvm`. That it opens does not prove that it works. */
export const isKvmOpen = (device = "/dev/kvm"): Promise<boolean> => isOpenTo(device);

/** Whether a kernel really ran under KVM here, with the QEMU that is installed; what cannot be tried counts as no. */
export async function doesKvmWork(signal: AbortSignal): Promise<boolean> {
  const facts = architectureFacts[hostArchitecture()];
  if (!(await isKvmOpen())) return false;
  try {
    const emulator = await findEmulator(facts, { signal });
    const options = { emulator, facts, ...(await driverOptions(cacheRoot())), signal };
    return (await findAccelerator(options)).accelerator === "kvm";
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BootgateError) return false;
    throw error;
  }
}

/** Takes QEMU from the backports where that brings something, and says in one sentence each what is done and what came of it. */
export async function quickenEmulation(
  host: AptHost,
  kvmWorks: () => Promise<boolean>,
  say: (line: string) => void,
  packages: readonly string[] = qemuPackages,
): Promise<void> {
  const version = await releaseQemu(host, packages[0]);
  if (!isSlow(version) || (await kvmWorks())) return;
  say(
    `KVM does not work here and QEMU ${version} emulates a guest on one host thread, so QEMU ${firstThreadSafeQemu} or newer is looked for in Debian's backports.`,
  );
  const why = await takeBackports(host, packages);
  say(
    why === null
      ? `QEMU ${await releaseQemu(host, packages[0])} is installed from Debian's backports.`
      : `QEMU stays at ${version}, since ${why}.`,
  );
}

/** What `doctor` says of an emulating host: how many host threads a guest gets, and what would bring more. */
export function emulationWords(version: string, hostArch: string, suite: string | null): string {
  const facts = architectureFacts[hostArchitecture(hostArch)];
  const emulation = { version, hostArchitecture: hostArch };
  if (emulationThreads(emulation, facts) === "multi")
    return "a host thread for each processor of a guest";
  if (!isSlow(version)) return "one host thread for all processors of a guest";
  const bring = `QEMU ${firstThreadSafeQemu} or newer would bring a thread for each, and a cold boot in about two thirds of the time`;
  const how = suite === null ? "" : `; \`npm run demo\` takes it from ${suite}`;
  return `one host thread for all processors of a guest: ${bring}${how}`;
}
