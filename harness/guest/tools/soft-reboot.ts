/**
 * What keeps a deployment from being rebooted into softly. ostree compares the checksum of kernel, initramfs and device trees and the
 * kernel arguments of the two deployments (`ostree_sysroot_deployment_can_soft_reboot`), bootc their SELinux policies
 * (bootc-dev/bootc, `crates/lib/src/status.rs`).
 */
import type { CommandResult } from "../command.ts";
import { commands } from "../commands.ts";
import type { GuestIo } from "../guest-io.ts";
import type { BootcEntry } from "./bootc.ts";
import { parseHashes } from "./efi-payload.ts";
import { deploymentPath } from "./ostree.ts";

const parts: readonly (readonly [name: string, path: RegExp])[] = [
  ["kernels or their initramfs", /^usr\/lib\/(?:modules|ostree-boot)\//],
  ["kernel arguments", /^usr\/lib\/bootc\/kargs\.d\//],
  ["SELinux policies", /^selinux\//],
];

/**
 * Names what differs between the booted deployment and another one; empty where nothing does, null where it cannot be told: on the
 * composefs backend, or where a kernel was not found.
 */
export async function softRebootDifferences(
  io: GuestIo,
  target: BootcEntry | null,
): Promise<readonly string[] | null> {
  const { ostree } = target ?? { ostree: null };
  if (ostree === null) return null;
  const { checksum, deploySerial: serial, stateroot } = ostree;
  const path = deploymentPath({ stateroot: stateroot ?? "default", checksum, serial });
  const [mine, its] = [await ask(io, "/"), await ask(io, `/sysroot${path}`)];
  if (mine === null || its === null) return null;
  return parts.flatMap(([name, path]) => (rowsOf(mine, path) === rowsOf(its, path) ? [] : [name]));
}

type Hashes = Readonly<Record<string, string>>;

async function ask(io: GuestIo, root: string): Promise<Hashes | null> {
  const { exitCode, stdout }: CommandResult = await io.exec(commands.softRebootFacts(root));
  const found = parseHashes(stdout);
  return exitCode === 0 && Object.keys(found).some((path) => path.endsWith("/vmlinuz"))
    ? found
    : null;
}

const rowsOf = (hashes: Hashes, path: RegExp): string =>
  Object.entries(hashes)
    .filter(([name]) => path.test(name))
    .map(([name, hash]) => `${hash} ${name}`)
    .sort()
    .join("\n");
