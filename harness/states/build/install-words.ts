/**
 * What an installer says: how far it has come, and whose fault it is when it fails. The words are those of bootc 1.16.9
 * (crates/lib/src/install.rs) and of the programs that it starts. Pure.
 */
import { excerptEnd } from "../../guest/excerpt.ts";

/** Lines by which an installation can be followed, in their order. */
const phases: readonly (readonly [RegExp, string])[] = [
  [/^Generating manifest|Manifest generation step/, "manifest"],
  [/Image building step|^Building manifest/, "image building"],
  [/^Installing image:/, "installing"],
  [/^(?:Creating|Initializing|Formatting)\b.*(?:partition|root|filesystem|file system)/i, "disk"],
  [/^layers? (?:already present|stored)|^Fetching layers|^Initializing ostree layout/, "layers"],
  [/^Deploying\b/, "deployment"],
  [/^Installing boot ?loader/i, "boot loader"],
  [/^(?:Installation|Build) complete!/, "complete"],
];

/** The phase that a line of the installer begins, or null. */
export function installPhase(line: string): string | null {
  return phases.find(([pattern]) => pattern.test(line.trim()))?.[1] ?? null;
}

/** Whose fault a failed installation is, as far as its words show it. */
export interface InstallBlame {
  readonly blame: "image" | "host" | "unknown";
  /** One clause that follows "since". */
  readonly why: string;
  readonly todo?: string;
  /** True of the image only where this was the image's own choice. */
  readonly hangsOn?: "backend" | "a kernel beside a unified one";
}

interface Rule extends InstallBlame {
  readonly pattern: RegExp;
}

const rules: readonly Rule[] = [
  {
    // ostree leaves some room free (src/libostree/ostree-repo.c).
    pattern:
      /No space left on device|not enough (?:free )?space|Insufficient free space|min-free-space-percent/i,
    blame: "host",
    why: "the disk that it was given is full",
    todo: "give it a larger one by --disk-size",
  },
  {
    pattern: /Cannot allocate memory|Out of memory|Killed process \d+/i,
    blame: "host",
    why: "the helper machine ran out of memory",
    todo: "give it more by --build-memory",
  },
  {
    pattern: /bootupd is required for ostree-based installs/i,
    blame: "image",
    hangsOn: "backend",
    why: "the image does not have bootupd, which bootc's ostree backend asks for",
    todo: "say --backend composefs where the image is made for that one",
  },
  {
    // bootc and ostree: "Failed to find kernel in …" (ostree, src/libostree/ostree-kernel-layout.c).
    pattern: /(?:No|Failed to find(?: a)?) kernel (?:found|in)|kernel (?:was )?not found/i,
    blame: "image",
    hangsOn: "a kernel beside a unified one",
    why: "the image does not have a kernel where bootc's backend looks for it",
    todo: "say --backend composefs where its kernel is in a unified kernel image",
  },
  {
    // bootc looks for the one folder of a kernel (crates/ostree-ext, src/bootabletree.rs).
    pattern:
      /multiple kernels|more than one kernel|Found multiple subdirectories in \S*usr\/lib\/modules/i,
    blame: "image",
    why: "the image has more than one kernel",
  },
  {
    // bootc, crates/lib/src/bootc_composefs/boot.rs; the second of its newest releases. What is derived of it is refused before.
    pattern:
      /The UKI has the wrong composefs= parameter|embedded composefs= digest .{0,500}doesn't match/,
    blame: "image",
    why: "the image's unified kernel is bound to other files than the image has",
    todo: "compute its composefs digest of the image's last layer, and change nothing afterwards (bootc container ukify)",
  },
  {
    pattern: /is not in bootgate's stand-in for bootc/,
    blame: "unknown",
    why: "the reference OS has a stand-in for bootc, which does not have what was asked for",
    todo: "ask for what images/reference/README.md says that it has (with --backend composefs: --bootloader systemd)",
  },
  {
    // bootupd 0.2.35; elsewhere than in its error it says so without any harm.
    pattern: /^error: .*Failed to find "\/usr\/s?bin\/[\w.-]{1,60}"/m,
    blame: "image",
    why: "the image does not have a program that bootupd starts",
  },
  {
    // As a shell says it, and as Rust does: `"mkfs.ext4" …: No such file or directory (os error 2)`.
    pattern:
      /\b(?:mkfs\.\w+|sfdisk|grub2-editenv|grub2-install|bootupctl|skopeo|udevadm|lsblk)\b["'`]?(?: [^:\n]{0,80})?: (?:command )?(?:No such file or directory|not found)/i,
    blame: "image",
    why: "the image does not have a program that its installer starts",
  },
];

/** Exit code of podman(1) for what is its own; and of our scripts for what comes before the installer. */
const engineFailed = 125;
const engineFault = {
  blame: "host",
  why: "what runs the installer on this host could not be started",
  todo: "correct what it complains about, or take --builder vm, which needs no container engine",
} as const;

/** What the host's kernel, its devices or its container engine refuse. */
const hostRules: readonly Rule[] = [
  { ...engineFault, pattern: /^Error: (?:OCI |crun: |runc: )/m },
  {
    // bootc-image-builder: its checks of the container that it runs in, and of what it knows (setup.go, image.go).
    pattern:
      /could not access container storage|this command (?:must be run in rootful|requires a privileged container)|could not find def file for distro/,
    blame: "host",
    why: "bootc-image-builder does not take what it was given",
    todo: "take --builder vm, which needs no other program",
  },
  {
    // It says so of images for the composefs backend too (osbuild/bootc-image-builder 1164).
    pattern: /image \S{1,300} is not a bootc image/,
    blame: "unknown",
    why: "bootc-image-builder does not take it for a bootc image, as it does with images for the composefs backend",
    todo: "take --builder vm",
  },
  {
    pattern:
      /No space left on device|Input\/output error|not enough (?:free )?space|Insufficient free space/i,
    blame: "host",
    why: "the disk that it was given is full, or the host's own is",
    todo: "give it a larger one by --disk-size, or free space where the cache is",
  },
  {
    pattern: /unknown filesystem type '?([a-z0-9]+)|filesystem ([a-z0-9]+) (?:is )?not supported/i,
    blame: "host",
    why: "the kernel of this host does not have a file system that the installer mounts",
    todo: "take --builder vm, which runs the image's own kernel",
  },
  {
    pattern: /\/dev\/loop\d+p\d+: No such file or directory/,
    blame: "host",
    why: "the kernel of this host does not show the partitions of a loop device (it needs CONFIG_EFI_PARTITION)",
    todo: "take --builder vm, which runs the image's own kernel",
  },
  {
    pattern:
      /failed to set up loop device|losetup: [^\n]{0,200}failed|cannot find an unused loop device/i,
    blame: "host",
    why: "this host does not give loop devices",
    todo: "take --builder vm, which needs none",
  },
  {
    pattern:
      /must be run (?:with the podman --pid=host flag|in the root user namespace)|Cannot install from rootless podman/i,
    blame: "host",
    why: "the installer does not take the container that it was given",
    todo: "take --builder vm or --builder host",
  },
];

/** Exit code of a shell for a program that was ended by SIGKILL. */
const killed = 137;

/** The last error with what led to it: a program may be missed earlier without any harm. */
function lastWords(said: string): string {
  const lines = said.slice(-64 * 1024).split(/[\r\n]+/);
  const last = lines.findLastIndex((line) => /^error:/i.test(line.trim()));
  return lines.slice(Math.max(0, (last < 0 ? lines.length : last) - 5)).join("\n");
}

export interface InstallerEnd {
  readonly exitCode?: number | null;
  /** True where it ran under the host's kernel; else in a helper machine under the image's own. */
  readonly onHost?: boolean;
}

/** Looks through the last words of an installer. */
export function blameOfInstaller(
  said: string,
  { exitCode = null, onHost = false }: InstallerEnd = {},
): InstallBlame {
  if (exitCode === killed) {
    const why = "it was killed, as the kernel does where memory runs out";
    const todo = onHost ? "free memory on this host" : "give it more memory by --build-memory";
    return { blame: "host", why, todo };
  }
  if (onHost && exitCode === engineFailed) return engineFault;
  const end = lastWords(said);
  const rule = [...(onHost ? hostRules : []), ...rules].find(({ pattern }) => pattern.test(end));
  if (rule === undefined)
    return { blame: "unknown", why: "its words do not show whose fault it is" };
  const { pattern: _, ...found } = rule;
  return found;
}

/** The line to quote first: the last that begins with `error:`, as all of bootc's programs say it, else the last one. */
export function installerError(said: string): string {
  const lines = said
    .slice(-64 * 1024)
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return excerptEnd(lines.findLast((line) => /^error:/i.test(line)) ?? lines.at(-1) ?? "", 400);
}
