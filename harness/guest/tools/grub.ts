/**
 * GRUB's menu as image-based systems have it: a static configuration that reads boot loader entries, and the entries that ostree
 * writes. Facts: coreos/bootupd, `src/grubconfigs.rs`; ostree, `ostree-sysroot-deploy.c`; the Boot Loader Specification.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";

export const grubConfigPath = "/boot/grub2/grub.cfg";

export interface GrubConfig {
  readonly text: string;
  /** A link means that ostree writes the menu: it leads to `../loader/grub.cfg`. */
  readonly isLink: boolean;
  /** Drop-ins whose last line runs into the mark of their end, which spoils it (bootupd adds no end of line). */
  readonly unclosed: readonly string[];
  /** What stands between `### BEGIN … ###` and its end: paths of scripts, or names of bootupd's drop-ins. */
  readonly sections: readonly string[];
  /** Whether a line asks for boot loader entries. */
  readonly readsEntries: boolean;
}

/** A boot loader entry. */
export interface BootEntry {
  readonly path: string;
  /** What the menu calls it. */
  readonly title: string;
  readonly version: string;
  /** The kernel argument that names the deployment: `ostree=…`; null where there is none. */
  readonly deployment: string | null;
}

export interface GrubReader {
  /** Throws ExpectationFailed where there is no configuration. */
  config(): Promise<GrubConfig>;
  /** In the order of the menu as far as their versions are numbers, as ostree's are; the first one boots by itself. */
  entries(): Promise<readonly BootEntry[]>;
  /** `sysroot.bootloader` of ostree's repository; null where it is not set. */
  ostreeBootloader(): Promise<string | null>;
}

/** Reads the text of a grub.cfg. */
export function parseGrubConfig(text: string, isLink: boolean): GrubConfig {
  const lines = text.split("\n");
  return {
    text,
    isLink,
    sections: lines.flatMap((line) => /^### BEGIN (.+) ###$/.exec(line)?.[1] ?? []),
    unclosed: lines.flatMap((line) => /^.+### END (.+) ###$/.exec(line)?.[1] ?? []),
    readsEntries: lines.some((line) => /^\s*blscfg(?:\s|$)/.test(line)),
  };
}

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
      deployment: /(?:^|\s)(ostree=\S+)/.exec(value(lines, "options"))?.[1] ?? null,
    }))
    .sort((a, b) => place(b.version) - place(a.version));
}

/** GRUB in a guest. */
export function grubOf(io: GuestIo): GrubReader {
  return {
    async config() {
      const found = await io.exec(commands.readFile(grubConfigPath));
      if (found.exitCode === 1 && /No such file/.test(found.stderr))
        throw new ExpectationFailed(`${grubConfigPath} is not there.`, { lookAt: io.lookAt });
      const { exitCode } = await io.exec(commands.isLink(grubConfigPath));
      return parseGrubConfig(requireSuccess(io, found).stdout, exitCode === 0);
    },
    entries: async () => parseEntries((await mustExec(io, commands.bootEntries)).stdout),
    async ostreeBootloader() {
      const { exitCode, stdout } = await io.exec(commands.ostreeBootloader);
      return exitCode === 0 ? stdout.trim() : null;
    },
  };
}
