/** Files and mounts of the simulated guest: which paths exist, which can be written, and what is mounted where. */
import { changedFile } from "./changed-base.ts";
import {
  bootedRecord,
  isEtcInMemory,
  isPartOfRoot,
  isRootInMemory,
  isVarInMemory,
  readComposefs,
  requiresVerity,
} from "./composefs.ts";
import type { Deployment, SimulatedSystem } from "./system.ts";
import { kernelOf } from "./world.ts";

interface MountRow {
  readonly source: string;
  readonly fstype: string;
  readonly options: string;
}

const composefs =
  "ro,relatime,lowerdir+=/run/ostree/.private/cfsroot-lower,redirect_dir=on,metacopy=on";

const composefsBackend =
  "ro,relatime,lowerdir=/proc/self/fd/5::/proc/self/fd/6,redirect_dir=on,metacopy=on,verity=require";

/** An overlay over what is below it, whose own options are those of no composefs (bootc, `crates/initramfs`, `build_overlay_fd`). */
const transientOverlay =
  "rw,relatime,lowerdir+=/proc/self/fd/7,upperdir=/proc/self/fd/8,workdir=/proc/self/fd/9";

/** What findmnt(8) would list for a mount point, or null. */
export function mountAt(system: SimulatedSystem, path: string): MountRow | null {
  const { backend } = system.world;
  if (backend === null)
    return path === "/" ? { source: "/dev/vda1", fstype: "ext4", options: "rw,relatime" } : null;
  if (path === "/") return rootMount(system);
  if (path === "/sysroot") {
    const isLeftWritable =
      system.is("sysroot-writable") ||
      (backend === "composefs"
        ? !system.world.isAtLeast("1.12")
        : system.world.prepareRoot.includes("[sysroot]\nreadonly = false"));
    const mode = system.mounts.sysrootWritable || isLeftWritable ? "rw" : "ro";
    const options = backend === "composefs" ? `${mode},nodev,relatime` : `${mode},relatime`;
    return { source: "/dev/vda3", fstype: "ext4", options };
  }
  if ((path === "/etc" || path === "/var") && isPartOfRoot(system, path === "/etc" ? "etc" : "var"))
    return null;
  if (path === "/etc") {
    const memory = { source: "overlay", fstype: "overlay", options: "rw,upperdir=/run/ostree/x" };
    return isEtcInMemory(system) && !system.is("etc-forgets")
      ? memory
      : { source: "/dev/vda3[/etc]", fstype: "ext4", options: "rw,relatime" };
  }
  if (path === "/var" && isVarInMemory(system))
    return { source: "transient", fstype: "overlay", options: transientOverlay };
  if (path === "/var") return { source: "/dev/vda3[/var]", fstype: "ext4", options: "rw,relatime" };
  return null;
}

function rootMount(system: SimulatedSystem): MountRow {
  const isComposefs = system.world.backend === "composefs";
  if (system.is("no-composefs") || system.is("composefs-flag-only")) {
    const mode = system.is("no-composefs") ? "rw" : "ro";
    const folder = isComposefs ? "/state/deploy" : "/ostree/deploy/default";
    return { source: `/dev/vda3[${folder}]`, fstype: "ext4", options: `${mode},relatime` };
  }
  if (!isComposefs) {
    const verity = requiresVerity(system) && !system.is("verity-off") ? ",verity=require" : "";
    const upper = isRootInMemory(system) ? ",upperdir=/run/ostree/.private/root/upper" : "";
    const options = `${composefs}${verity}${upper}`;
    return { source: "composefs", fstype: "overlay", options };
  }
  const { verity } = system.is("other-composefs")
    ? system.deploy(system.world.image(`sha256:${"0".repeat(64)}`), "")
    : system.booted;
  // From Linux 6.15 on the mount below is never attached, so nothing lists it.
  return isRootInMemory(system)
    ? { source: `transient:composefs=${verity}`, fstype: "overlay", options: transientOverlay }
    : { source: `composefs:${verity}`, fstype: "overlay", options: composefsBackend };
}

/** A file below /usr of the image, or as rpm-ostree left it. */
function shipped(deployment: Deployment, path: string, leaves: boolean): string | null {
  const changed = changedFile(deployment, path);
  if (changed !== undefined) return changed;
  const { files, removed } = deployment.image;
  return files?.[path] ?? (leaves ? removed?.[path] : undefined) ?? null;
}

const originOf = (
  { layered }: Deployment,
  { reference, keeps }: { readonly reference: string; readonly keeps: boolean },
): string =>
  [
    "[origin]",
    `container-image-reference=ostree-unverified-registry:${reference}`,
    ...(layered.length > 0 || keeps ? ["", "[packages]", "requested-local=0:name;"] : []),
    "",
  ].join("\n");

/** Paths of the running system. Methods that change something return why they cannot, or null. */
export class SimulatedFiles {
  readonly #system: SimulatedSystem;

  constructor(system: SimulatedSystem) {
    this.#system = system;
  }

  read(path: string): string | null {
    const { booted, files, bootId, world } = this.#system;
    if (path === "/proc/sys/kernel/random/boot_id") return `${bootId}\n`;
    if (path === "/proc/cmdline")
      return `${[this.#rootArgument(), ...booted.kargs, ...this.#system.bootLoader.grub.kargs].join(" ")}\n`;
    if (path === "/run/ostree-booted")
      return world.backend === "ostree" ? bootedRecord(this.#system).toString("latin1") : null;
    const ofRoot = readComposefs(this.#system, path);
    if (ofRoot !== null) return ofRoot;
    if (path === "/sys/firmware/efi") return "";
    if (path === "/ostree/deploy") return world.backend === "ostree" ? "" : null;
    if (path.startsWith("/sys/firmware/efi/efivars/LoaderInfo-"))
      return world.loader.isSystemdBoot === true
        ? `\x06\0\0\0${[..."systemd-boot 258"].join("\0")}\0`
        : null;
    if (path === "/sys/kernel/security/lockdown") return "none [integrity] confidentiality\n";
    if (path.startsWith("/sys/firmware/efi/efivars/SecureBoot-"))
      return this.#system.firmware === "uefi-secure-boot" ? "\x06\0\0\0\x01" : "\x06\0\0\0\0";
    const [, release] = /^\/usr\/lib\/modules\/([^/]+)\/initramfs\.img$/.exec(path) ?? [];
    if (release !== undefined) return release === kernelOf(booted.image) ? "an archive" : null;
    if (path === "/sys/module/dummy")
      return booted.image.hasOwnModule === true && !this.#system.is("initramfs-stale") ? "" : null;
    if (path.startsWith("/boot/")) return this.#system.bootLoader.read(path);
    if (path.startsWith("/usr/etc/") && world.backend === "ostree")
      return booted.image.etc[path.slice("/usr/etc/".length)] ?? null;
    if (path.startsWith("/etc/")) return booted.etc.get(path.slice("/etc/".length)) ?? null;
    if (path === `/ostree/deploy/default/deploy/${booted.checksum}.${booted.serial}.origin`)
      return originOf(booted, {
        reference: this.#system.is("origin-of-before") ? world.follows : booted.reference,
        keeps: this.#system.is("origin-keeps"),
      });
    return files.get(path) ?? shipped(booted, path, this.#system.is("removal-leaves-files"));
  }

  write(path: string, content: string): string | null {
    if (this.#isShipped(path)) return "Read-only file system";
    if (path.startsWith("/etc/")) this.#system.booted.etc.set(path.slice("/etc/".length), content);
    else if (this.#isWritable(path)) this.#system.files.set(path, content);
    else return "Read-only file system";
    return null;
  }

  remove(path: string): string | null {
    if (this.#isShipped(path)) return "Read-only file system";
    if (path.startsWith("/etc/")) this.#system.booted.etc.delete(path.slice("/etc/".length));
    else if (this.#isWritable(path)) this.#system.files.delete(path);
    else if (this.read(path) !== null) return "Read-only file system";
    return null;
  }

  /** Names of the files in a directory, or null where there is no such directory. */
  list(directory: string): string[] | null {
    const { booted, files, world } = this.#system;
    if (directory === "/usr/etc")
      return world.backend === "ostree" ? Object.keys(booted.image.etc) : null;
    if (directory === "/etc") return [...booted.etc.keys()];
    const prefix = `${directory}/`;
    return [...files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
  }

  #rootArgument(): string {
    const { booted, bootedVersion, world } = this.#system;
    if (world.backend === null) return "root=UUID=8d909f23-a205-4a3d-aa8e-304df9ae24da";
    return world.backend === "composefs"
      ? `${world.isAtLeast("1.17") ? "composefs.digest=v1-sha512-12:" : "composefs="}${booted.verity}`
      : `ostree=/ostree/boot.${bootedVersion}/default/${booted.checksum}/0`;
  }

  /** It is in a folder that is the image's own as it is. */
  #isShipped(path: string): boolean {
    const [, folder] = /^\/(etc|var)\//.exec(path) ?? [];
    const group = folder === "etc" || folder === "var" ? folder : null;
    return group !== null && isPartOfRoot(this.#system, group) && !isRootInMemory(this.#system);
  }

  #isWritable(path: string): boolean {
    if (/^\/(?:var|run|tmp)\//.test(path) || this.#system.world.backend === null) return true;
    // /usr is a part of a root in memory.
    if (isRootInMemory(this.#system) && /^\/(?:usr\/.+|[^/]+)$/.test(path)) return true;
    if (this.#system.usrOverlay === "readWrite" && path.startsWith("/usr/")) return true;
    return (
      this.#system.is("no-composefs") ||
      (this.#system.is("usr-writable") && path.startsWith("/usr/"))
    );
  }
}
