/**
 * What a disk would boot, read offline: the boot loader's entries with the files that they name, as GRUB finds them, which replays no
 * journal; and the deployments behind them, as the kernel finds them, which does. Nothing is judged good or bad here: disks that are
 * alike in all of it are one state, and one of each is booted. Pure but for `DiskFiles`.
 */
import { createHash } from "node:crypto";
import type { DiskFiles } from "./disk-files.ts";

/** An entry of the boot loader (Boot Loader Specification, type 1). */
export interface FoundEntry {
  readonly file: string;
  readonly title: string;
  /** sha256 of what lies where the entry says that its kernel is, and its initramfs; null where nothing does. */
  readonly kernel: string | null;
  readonly initramfs: string | null;
  /** What of the kernel's command line names the root: `ostree=…` or `composefs=…`. */
  readonly root: string | null;
  /** sha256 of the entry itself. */
  readonly content: string;
}

/** What the kernel finds of an entry's root. */
export interface FoundDeployment {
  readonly root: string;
  /** Where the link that the entry names leads; null where it is not there. */
  readonly leadsTo: string | null;
  readonly origin: string | null;
  /** The image of its root with composefs is there. */
  readonly hasImage: boolean;
}

/** What the boot loader sees. */
export interface LoaderView {
  readonly entries: readonly FoundEntry[];
  /** Content of GRUB's own files, by path. */
  readonly files: Readonly<Record<string, string | null>>;
}

export interface DiskState {
  /** Null where no file system with it could be read. */
  readonly loader: LoaderView | null;
  /** Entries as they are once the journal is replayed, where that differs. */
  readonly entriesAfter: readonly FoundEntry[] | null;
  /** Null where no file system with them could be read. */
  readonly deployments: readonly FoundDeployment[] | null;
  /** What e2fsck finds wrong once the journal is replayed, and that it could not be replayed, as words. */
  readonly damage: readonly string[];
  /** sha256 of the EFI system partition. */
  readonly esp: string | null;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A value of an entry: the first line with that key. */
const lineOf = (entry: string, key: string): string | null =>
  new RegExp(`^${key}[ \\t]+(.+)$`, "m").exec(entry)?.[1]?.trim() ?? null;

/** The word of a kernel's command line that names the root of an image. */
const rootWord = (options: string | null): string | null =>
  options?.split(/\s+/).find((word) => /^(?:ostree|composefs)=/.test(word)) ?? null;

/** More than any system has; a folder that is damaged may say anything. */
const mostEntries = 32;

/** What GRUB finds. `prefix` is where /boot is in the file system: `/boot`, or nothing where it has one of its own. */
export async function loaderView(files: DiskFiles, prefix: string): Promise<LoaderView> {
  const folder = `${prefix}/loader/entries`;
  const listed = (await files.list(folder)) ?? [];
  const names = listed.map(({ name }) => name).filter((name) => name.endsWith(".conf"));
  const entries: FoundEntry[] = [];
  for (const file of names.slice(0, mostEntries)) {
    const text = (await files.text(`${folder}/${file}`)) ?? "";
    const hashOf = async (key: string): Promise<string | null> => {
      const path = lineOf(text, key)?.split(/\s+/)[0];
      return path === undefined ? null : files.hash(path);
    };
    entries.push({
      file,
      title: lineOf(text, "title") ?? "",
      kernel: await hashOf("linux"),
      initramfs: await hashOf("initrd"),
      root: rootWord(lineOf(text, "options")),
      content: sha256(text),
    });
  }
  const own = [`${prefix}/grub2/grub.cfg`, `${prefix}/grub2/grubenv`];
  const pairs = await Promise.all(own.map(async (path) => [path, await files.text(path)] as const));
  return {
    entries,
    files: Object.fromEntries(
      pairs.map(([path, text]) => [path, text === null ? null : sha256(text)]),
    ),
  };
}

/** What the kernel finds of the roots that the entries name, in the file system that has the deployments. */
export async function deploymentsOf(
  files: DiskFiles,
  entries: readonly FoundEntry[],
): Promise<FoundDeployment[]> {
  const roots = [...new Set(entries.flatMap(({ root }) => root ?? []))].sort();
  const found: FoundDeployment[] = [];
  for (const root of roots) {
    const [kind = "", value = ""] = root.split(/=(.*)/s);
    if (kind === "composefs") {
      const place = `/state/deploy/${value.replace(/^\?/, "")}`;
      const isThere = (await files.list(place)) !== null;
      const origin = `${place}/${value.replace(/^\?/, "")}.origin`;
      const leadsTo = isThere ? place : null;
      found.push({ root, leadsTo, origin: await files.text(origin), hasImage: isThere });
      continue;
    }
    const number = await files.folder(value);
    const place = number === null ? null : await placeOf(files, number);
    const inside = place === null ? [] : ((await files.list(place)) ?? []);
    found.push({
      root,
      leadsTo: place,
      origin: place === null ? null : await files.text(`${place}.origin`),
      hasImage: inside.some(({ name }) => name === ".ostree.cfs"),
    });
  }
  return found;
}

/** A deployment's folder by its number, in whichever stateroot. */
async function placeOf(files: DiskFiles, number: number): Promise<string | null> {
  for (const { name: stateroot } of (await files.list("/ostree/deploy")) ?? []) {
    const folder = `/ostree/deploy/${stateroot}/deploy`;
    const found = (await files.list(folder))?.find((one) => one.number === number);
    if (found !== undefined) return `${folder}/${found.name}`;
  }
  return null;
}

/** Equal for disks that are alike in all that decides what they boot. */
export const stateKey = (state: DiskState): string => sha256(JSON.stringify(state));

type Deployments = DiskState["deployments"];

const lacksOf = (entry: FoundEntry, deployments: Deployments): string[] => [
  ...(entry.kernel === null ? ["its kernel"] : []),
  ...(entry.initramfs === null ? ["its initramfs"] : []),
  ...(deployments?.some(({ root, leadsTo }) => root === entry.root && leadsTo !== null) === false
    ? ["its deployment"]
    : []),
];

/** Whether one of these would boot something that lacks a part, or there are none. */
const areOdd = (entries: readonly FoundEntry[], deployments: Deployments): boolean =>
  entries.length === 0 || entries.some((entry) => lacksOf(entry, deployments).length > 0);

/** Whether nothing would boot or something that lacks a part, or the file system is damaged. What could not be read counts as well. */
export const isOddState = ({ loader, entriesAfter, deployments, damage }: DiskState): boolean =>
  damage.length > 0 ||
  (loader !== null && areOdd(loader.entries, deployments)) ||
  (entriesAfter !== null && areOdd(entriesAfter, deployments));

/** Entries as words for a person. */
function describeEntries(entries: readonly FoundEntry[], deployments: Deployments): string {
  const words = entries.map((entry) => {
    const lacks = lacksOf(entry, deployments);
    const lack = lacks.length === 0 ? "" : ` without ${lacks.join(" and ")}`;
    return `${entry.file} (${entry.title})${lack}`;
  });
  return words.length === 0 ? "no boot loader entry" : words.join(", ");
}

/** A state as one line for a person. */
export function describeState({ loader, entriesAfter, deployments, damage }: DiskState): string {
  const words = [
    loader === null ? "entries that were not read" : describeEntries(loader.entries, deployments),
    ...(entriesAfter === null
      ? []
      : [
          `other entries once the journal is replayed: ${describeEntries(entriesAfter, deployments)}`,
        ]),
    ...(damage.length === 0 ? [] : [`${damage[0]}`]),
  ];
  return words.join("; ");
}
