/**
 * GRUB's menu as image-based systems have it: a static configuration that reads boot loader entries, and the entries that ostree
 * writes. Facts: coreos/bootupd, `src/grubconfigs.rs`; ostree, `ostree-sysroot-deploy.c`; the Boot Loader Specification.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";
import { createFiles } from "./files.ts";

export const grubConfigPath = "/boot/grub2/grub.cfg";
export const grubEnvironmentPath = "/boot/grub2/grubenv";

export interface GrubConfig {
  readonly text: string;
  /** A link means that ostree writes the menu: it leads to `../loader/grub.cfg`. */
  readonly isLink: boolean;
  /** Drop-ins whose last line runs into the mark of their end, which spoils it (bootupd adds no end of line). */
  readonly unclosed: readonly string[];
  /** What stands between `### BEGIN … ###` and its end: paths of scripts, or names of bootupd's drop-ins. */
  readonly sections: readonly string[];
  /** Scripts of grub2-mkconfig among them, by their paths. */
  readonly scripts: readonly string[];
  /** Whether its head says that grub2-mkconfig made it. */
  readonly isByMkconfig: boolean;
  /** Lines that start a kernel without a boot loader entry. */
  readonly kernels: readonly string[];
  /** Whether a line looks at the boot counter, as greenboot's drop-in does, here or in the `custom.cfg` that it sources. */
  readonly countsBoots: boolean;
  /** Whether a line asks for boot loader entries. */
  readonly readsEntries: boolean;
  /** Whether a line that always counts has the first entry started without a menu (GRUB manual, `timeout_style`). */
  readonly hidesMenu: boolean;
  /** Whether what bootupd has for it shows the menu once all the same, if the environment says so. */
  readonly showsMenuOnce: boolean;
}

/** A boot loader entry. */
export interface BootEntry {
  readonly path: string;
  /** What the menu calls it. */
  readonly title: string;
  readonly version: string;
  /** The kernel argument that names the deployment: `ostree=…`; null where there is none. */
  readonly deployment: string | null;
  /** Names of the files that it starts, as ostree calls them: `vmlinuz-RELEASE`, `initramfs-RELEASE.img`; empty where there is none. */
  readonly kernel: string;
  readonly initramfs: string;
}

export interface GrubReader {
  /** Throws ExpectationFailed where there is no configuration. */
  config(): Promise<GrubConfig>;
  /** In the order of the menu as far as their versions are numbers, as ostree's are; the first one boots by itself. */
  entries(): Promise<readonly BootEntry[]>;
  /** `sysroot.bootloader` of ostree's repository; null where it is not set. */
  ostreeBootloader(): Promise<string | null>;
  /** GRUB's environment block, or a copy of it, by name; null where the image does not have grub2-editenv. */
  environment(file?: string): Promise<Readonly<Record<string, string>> | null>;
  /** What /boot lies on, where GRUB cannot write its environment there, as the layout of the disk decides and not the image. Null where it can. */
  unwritable(): Promise<string | null>;
}

/** GRUB manual, "Environment block": a plain disk, without LVM or RAID, and a file system without checksums. Types as lsblk(8) has them. */
const unwritableTypes: readonly (readonly [RegExp, string])[] = [
  [/^lvm$/m, "LVM"],
  [/^(?:raid\d+|md|linear|dmraid)$/m, "RAID"],
];
const checksummed = ["btrfs", "zfs"];

/** bootupd's own `01_users.cfg` begins with the mark of the script, which grub2-set-password looks for (0.3.2, `configs.d/01_users.cfg`). */
const isScript = (section: string): boolean => /^\/etc\/grub\.d\/(?!01_users$)/.test(section);

/** The script whose end stands behind something else on a line. By hand: a line of a guest may be megabytes, with such an end everywhere. */
function unclosedIn(line: string): string[] {
  const [begin, end] = ["### END ", " ###"];
  const at = line.lastIndexOf(begin);
  return at > 0 && line.endsWith(end) && line.length > at + begin.length + end.length
    ? [line.slice(at + begin.length, -end.length)]
    : [];
}

const customPath = "/boot/grub2/custom.cfg";
/** bootupd, `configs.d/41_custom.cfg`. */
const sourcesCustom = /^\s*source\s+\S*\/custom\.cfg\b/m;

/** What decides whether a menu is shown: the last word wins. Lines with space before them hang on a condition. */
function menuOf(lines: readonly string[]): Pick<GrubConfig, "hidesMenu" | "showsMenuOnce"> {
  const styleAt = lines.findLastIndex((line) => /^set timeout_style=/.test(line));
  const hidesMenu = /^set timeout_style=['"]?(?:hidden|countdown)\b/.test(lines[styleAt] ?? "");
  const onceAt = lines.findLastIndex((line) => /^[^#]*\$\{?menu_show_once_timeout\b/.test(line));
  return { hidesMenu, showsMenuOnce: onceAt > styleAt };
}

/** Reads the text of a grub.cfg. `custom`: of the file that it sources, where it does. */
export function parseGrubConfig(text: string, isLink: boolean, custom = ""): GrubConfig {
  const lines = text.split("\n");
  const all = [...lines, ...custom.split("\n")];
  const sections = lines.flatMap((line) => /^### BEGIN (.+) ###$/.exec(line)?.[1] ?? []);
  return {
    text,
    isLink,
    sections,
    scripts: sections.filter(isScript),
    // util/grub-mkconfig.in of GRUB.
    isByMkconfig: lines.some((line) =>
      /^# It is automatically generated by grub2?-mkconfig /.test(line),
    ),
    kernels: lines
      .filter((line) => /^\s*linux(?:16|efi)?\s+\S/.test(line))
      .map((line) => line.trim()),
    // greenboot-rs, `grub2/08_greenboot.cfg`; Fedora's grub2, `08_fallback_counting`.
    countsBoots: all.some((line) => /^[^#]*\$\{?boot_counter\b/.test(line)),
    unclosed: lines.flatMap(unclosedIn),
    readsEntries: lines.some((line) => /^\s*blscfg(?:\s|$)/.test(line)),
    ...menuOf(all),
  };
}

/** Lines of `grub2-editenv list`. */
export const parseEnvironment = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );

/** Entries of others, as `6.11.4-301.fc43`, have no place among ostree's. */
const place = (version: string): number => (/^\d+$/.test(version) ? Number(version) : -1);

/** Reads files that `grep -H ""` printed as `path:line`. */
export function parseEntries(text: string): BootEntry[] {
  const files = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [, path, rest] = /^(.+?\.conf):(.*)$/.exec(line) ?? [];
    if (path !== undefined && rest !== undefined)
      files.set(path, [...(files.get(path) ?? []), rest]);
  }
  const value = (lines: readonly string[], key: string): string =>
    lines
      .find((line) => new RegExp(`^${key}\\s`).test(line))
      ?.slice(key.length)
      .trim() ?? "";
  return [...files]
    .map(([path, lines]) => ({
      path,
      title: value(lines, "title"),
      version: value(lines, "version"),
      kernel: nameIn(value(lines, "linux")),
      initramfs: nameIn(value(lines, "initrd")),
      deployment: /(?:^|\s)(ostree=\S+)/.exec(value(lines, "options"))?.[1] ?? null,
    }))
    .sort((a, b) => place(b.version) - place(a.version));
}

const nameIn = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** GRUB in a guest. */
export function grubOf(io: GuestIo): GrubReader {
  return {
    async config() {
      const found = await io.exec(commands.readFile(grubConfigPath));
      if (found.exitCode === 1 && /No such file/.test(found.stderr))
        throw new ExpectationFailed(`${grubConfigPath} is not there.`, { lookAt: io.lookAt });
      const { exitCode } = await io.exec(commands.isLink(grubConfigPath));
      const { stdout } = requireSuccess(io, found);
      const custom = sourcesCustom.test(stdout) ? await createFiles(io).read(customPath) : null;
      return parseGrubConfig(stdout, exitCode === 0, custom ?? "");
    },
    async environment(file = grubEnvironmentPath) {
      const listed = await io.exec(commands.grubEnvironment(file));
      if (listed.exitCode === 127) return null;
      return parseEnvironment(requireSuccess(io, listed).stdout);
    },
    async unwritable() {
      const kind = (await mustExec(io, commands.fileSystemOf("/boot"))).stdout.trim();
      if (checksummed.includes(kind)) return kind;
      const { stdout } = await mustExec(io, commands.underBoot("TYPE"));
      return unwritableTypes.find(([type]) => type.test(stdout))?.[1] ?? null;
    },
    entries: async () => parseEntries((await mustExec(io, commands.bootEntries)).stdout),
    async ostreeBootloader() {
      const { exitCode, stdout } = await io.exec(commands.ostreeBootloader);
      return exitCode === 0 ? stdout.trim() : null;
    },
  };
}
