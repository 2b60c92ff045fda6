/** Files and mounts of the simulated guest: which paths exist, which can be written, and what is mounted where. */
import type { SimulatedSystem } from "./system.ts";

interface MountRow {
  readonly source: string;
  readonly fstype: string;
  readonly options: string;
}

const composefs =
  "ro,relatime,lowerdir+=/run/ostree/.private/cfsroot-lower,redirect_dir=on,metacopy=on";

/** What findmnt(8) would list for a mount point, or null. */
export function mountAt(system: SimulatedSystem, path: string): MountRow | null {
  const plain = system.is("no-composefs") || system.is("composefs-flag-only");
  if (path === "/") {
    if (!plain) return { source: "composefs", fstype: "overlay", options: composefs };
    const mode = system.is("no-composefs") ? "rw" : "ro";
    return {
      source: "/dev/vda3[/ostree/deploy/default]",
      fstype: "ext4",
      options: `${mode},relatime`,
    };
  }
  if (path === "/sysroot") return { source: "/dev/vda3", fstype: "ext4", options: "ro,relatime" };
  if (path === "/var") return { source: "/dev/vda3[/var]", fstype: "ext4", options: "rw,relatime" };
  return null;
}

/** Paths of the running system. Methods that change something return why they cannot, or null. */
export class SimulatedFiles {
  readonly #system: SimulatedSystem;

  constructor(system: SimulatedSystem) {
    this.#system = system;
  }

  read(path: string): string | null {
    const { booted, files, bootId } = this.#system;
    if (path === "/proc/sys/kernel/random/boot_id") return `${bootId}\n`;
    if (path === "/proc/cmdline")
      return `ostree=/ostree/boot.1/default/${booted.checksum}/0 console=ttyS0\n`;
    if (path === "/run/ostree-booted") return this.#ostreeBooted();
    if (path === "/usr/lib/ostree/prepare-root.conf") return "[composefs]\nenabled = yes\n";
    if (path.startsWith("/usr/etc/"))
      return booted.image.etc[path.slice("/usr/etc/".length)] ?? null;
    if (path.startsWith("/etc/")) return booted.etc.get(path.slice("/etc/".length)) ?? null;
    return files.get(path) ?? null;
  }

  write(path: string, content: string): string | null {
    if (path.startsWith("/etc/")) this.#system.booted.etc.set(path.slice("/etc/".length), content);
    else if (this.#isWritable(path)) this.#system.files.set(path, content);
    else return "Read-only file system";
    return null;
  }

  remove(path: string): string | null {
    if (path.startsWith("/etc/")) this.#system.booted.etc.delete(path.slice("/etc/".length));
    else if (this.#isWritable(path)) this.#system.files.delete(path);
    else if (this.read(path) !== null) return "Read-only file system";
    return null;
  }

  /** Names of the files in a directory. */
  list(directory: string): string[] {
    const { booted, files } = this.#system;
    if (directory === "/usr/etc") return Object.keys(booted.image.etc);
    if (directory === "/etc") return [...booted.etc.keys()];
    const prefix = `${directory}/`;
    return [...files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
  }

  #isWritable(path: string): boolean {
    if (/^\/(?:var|run|tmp)\//.test(path)) return true;
    return (
      this.#system.is("no-composefs") ||
      (this.#system.is("usr-writable") && path.startsWith("/usr/"))
    );
  }

  /** A GVariant a{sv} in the real system: its key names stand in it as plain text. */
  #ostreeBooted(): string {
    const composefsKey = this.#system.is("no-composefs") ? "" : "composefs\0\0b";
    return `${composefsKey}sysroot-ro\0\0b\x0c`;
  }
}
