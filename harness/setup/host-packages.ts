/**
 * What the host must have, by package manager, and how it gets there. Used by `doctor` (says what is missing) and by
 * the set-up of `npm run demo` and `npm test` (installs it, saying what).
 */

import { userEmulation } from "../../images/reference/foreign.ts";
import { REFERENCE_HOST_PACKAGES } from "../../images/reference/host-packages.ts";
import { RPM_HOST_PACKAGES } from "../../images/rpm/host-packages.ts";
import { UsageError } from "../base/errors.ts";
import { exists } from "../base/exists.ts";
import { attemptCommand, type CommandOutput, runCommand } from "../base/process.ts";
import { armQemuPackages, runQuietly } from "./backports.ts";
import { doesKvmWork, isKvmOpen, quickenEmulation } from "./emulation.ts";

type Manager = "apt" | "dnf";

interface Need {
  readonly why: string;
  readonly apt: readonly string[];
  readonly dnf: readonly string[];
}

/** Grouped by what needs them. */
const needs: Readonly<Record<"run" | "build" | "test" | "aarch64", readonly Need[]>> = {
  run: [
    {
      why: "machines",
      apt: ["qemu-system-x86", "qemu-utils"],
      dnf: ["qemu-system-x86-core", "qemu-img"],
    },
    { why: "UEFI and BIOS firmware", apt: ["ovmf", "seabios"], dnf: ["edk2-ovmf", "seabios-bin"] },
    {
      why: "option ROMs and the display",
      apt: ["ipxe-qemu"],
      dnf: ["ipxe-roms-qemu", "qemu-device-display-virtio-vga"],
    },
    {
      why: "the registry that guests upgrade from",
      apt: ["docker-registry"],
      dnf: ["docker-distribution"],
    },
    { why: "copying OCI images", apt: ["skopeo"], dnf: ["skopeo"] },
    { why: "the way from guest to registry", apt: ["netcat-openbsd"], dnf: ["netcat"] },
    { why: "compressed disks", apt: ["xz-utils", "zstd", "bzip2"], dnf: ["xz", "zstd", "bzip2"] },
    { why: "RPM packages that stories install", ...RPM_HOST_PACKAGES },
    { why: "disks that a power cut left", apt: ["e2fsprogs"], dnf: ["e2fsprogs"] },
    { why: "signed lists of checksums", apt: ["gpgv"], dnf: ["gnupg2"] },
    {
      why: "children that end with the harness (setpriv)",
      apt: ["util-linux"],
      dnf: ["util-linux"],
    },
  ],
  build: [
    {
      why: "building the reference OS",
      apt: [...REFERENCE_HOST_PACKAGES.apt, "arch-test"],
      dnf: REFERENCE_HOST_PACKAGES.dnf,
    },
  ],
  test: [
    { why: "checking JUnit against its schema", apt: ["libxml2-utils"], dnf: ["libxml2"] },
    {
      why: "checking the root file systems that are written",
      apt: ["erofs-utils"],
      dnf: ["erofs-utils"],
    },
    { why: "pykickstart, from PyPI", apt: ["python3-pip"], dnf: ["python3-pip"] },
    {
      why: "keys in the firmware of machines",
      apt: ["python3-cryptography"],
      dnf: ["python3-cryptography"],
    },
    { why: "the TPM of machines", apt: ["swtpm"], dnf: ["swtpm"] },
    { why: "installer media of tests", apt: ["xorriso"], dnf: ["xorriso"] },
    {
      why: "keys, certificates and signatures of images",
      apt: ["gpg", "gpg-agent", "openssl"],
      dnf: ["gnupg2", "openssl"],
    },
    {
      why: "serial lines of emulated boards",
      apt: ["socat", "ser2net"],
      dnf: ["socat", "ser2net"],
    },
    {
      why: "libvirt machines of tests, whose daemons they start themselves",
      apt: ["libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients"],
      dnf: ["libvirt-daemon-driver-qemu", "libvirt-daemon-log", "libvirt-client"],
    },
    { why: "looking at the HTML report", apt: ["chromium"], dnf: ["chromium-headless"] },
  ],
  /** Only where guests of aarch64 are asked for, on a host of another architecture. */
  aarch64: [
    {
      why: "machines of aarch64",
      apt: [...armQemuPackages, "qemu-utils"],
      dnf: ["qemu-system-aarch64-core", "qemu-img"],
    },
    { why: "their firmware", apt: ["qemu-efi-aarch64"], dnf: ["edk2-aarch64"] },
    {
      why: "building the reference OS with programs of aarch64",
      apt: [userEmulation.apt],
      dnf: [userEmulation.dnf],
    },
  ],
};

export type Purpose = keyof typeof needs;

/** Names of all packages that are needed for these purposes, sorted. */
export const neededPackages = (manager: Manager, purposes: readonly Purpose[]): string[] =>
  [
    ...new Set(purposes.flatMap((purpose) => needs[purpose].flatMap((need) => need[manager]))),
  ].sort();

/** The host's package manager, or null when it is neither apt nor dnf. */
export async function packageManager(): Promise<Manager | null> {
  for (const [manager, path] of [
    ["apt", "/usr/bin/apt-get"],
    ["dnf", "/usr/bin/dnf"],
  ] as const) {
    if (await exists(path)) return manager;
  }
  return null;
}

/** Names of the packages that are needed for these purposes and not installed. */
export async function missingPackages(
  manager: Manager,
  purposes: readonly Purpose[],
): Promise<string[]> {
  const names = neededPackages(manager, purposes);
  const found = await Promise.all(names.map((name) => isInstalled(manager, name)));
  return names.filter((_, index) => found[index] === false);
}

async function isInstalled(manager: Manager, name: string): Promise<boolean> {
  if (manager === "dnf")
    return (await attemptCommand("rpm", ["-q", "--whatprovides", name])).exitCode === 0;
  const { stdout } = await attemptCommand("dpkg-query", ["-W", "-f=${db:Status-Status}", name]);
  return stdout === "installed";
}

/** How to become root without asking: nothing as root, `sudo -n` where that works, else null. */
export async function rootPrefix(): Promise<readonly string[] | null> {
  if (process.getuid?.() === 0) return [];
  if (!(await exists("/usr/bin/sudo"))) return null;
  return (await attemptCommand("sudo", ["-n", "true"])).exitCode === 0 ? ["sudo", "-n"] : null;
}

const noManager = (purposes: readonly Purpose[]): UsageError =>
  new UsageError("This host has neither apt nor dnf, so bootgate cannot install what it needs.", {
    details: {
      needs: purposes.flatMap((purpose) => needs[purpose].flatMap(({ apt }) => apt)).join(" "),
    },
  });

/**
 * Installs what is missing and says so; where KVM does not work it also sees to a QEMU that emulates fast. Throws
 * UsageError with the one command to type when something is missing and this user may not install it.
 */
export async function installMissing(
  purposes: readonly Purpose[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const manager = await packageManager();
  if (manager === null) throw noManager(purposes);
  const prefix = await rootPrefix();
  const quicken = async (): Promise<void> => {
    if (manager !== "apt") return;
    const asRoot = prefix === null ? null : runQuietly(prefix, signal);
    const host = { etc: "/etc", run: runQuietly([], signal), asRoot };
    if (purposes.includes("run")) await quickenEmulation(host, () => doesKvmWork(signal), say);
    if (purposes.includes("aarch64"))
      await quickenEmulation(host, async () => false, say, armQemuPackages);
  };
  const missing = await missingPackages(manager, purposes);
  if (missing.length > 0 && manager === "apt" && prefix !== null)
    await runAsRoot(prefix, ["apt-get", "update", "-qq"], signal);
  // Where the device does not open there is nothing to try out, so the newer QEMU comes at once and not after the older one.
  const isEarly = purposes.includes("aarch64") || !(await isKvmOpen());
  if (isEarly) await quicken();
  await install(manager, isEarly ? await missingPackages(manager, purposes) : missing, {
    prefix,
    say,
    signal,
  });
  if (!isEarly) await quicken();
}

interface InstallOptions {
  readonly prefix: readonly string[] | null;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

async function install(
  manager: Manager,
  missing: readonly string[],
  { prefix, say, signal }: InstallOptions,
): Promise<void> {
  if (missing.length === 0) return;
  const command =
    manager === "apt"
      ? ["apt-get", "install", "-y", "--no-install-recommends", ...missing]
      : ["dnf", "install", "-y", "--setopt=install_weak_deps=False", ...missing];
  if (prefix === null) {
    throw new UsageError("Packages of the host are missing and this user may not install them.", {
      details: { "type this": `sudo ${command.join(" ")}` },
    });
  }
  say(`Installing packages of the host: ${missing.join(" ")}`);
  await runAsRoot(prefix, command, signal);
  if (missing.includes("docker-registry") && (await exists("/run/systemd/system"))) {
    // Debian starts a registry of its own at installation; bootgate needs the program only.
    const disable = ["systemctl", "disable", "--now", "docker-registry"];
    await runAsRoot(prefix, disable, signal).catch(() => undefined);
  }
}

function runAsRoot(
  prefix: readonly string[],
  args: readonly string[],
  signal: AbortSignal,
): Promise<CommandOutput> {
  const [file = "", ...rest] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", ...args];
  return runCommand(file, rest, { signal, timeoutMs: 1_200_000 });
}
