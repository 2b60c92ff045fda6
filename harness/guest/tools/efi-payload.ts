/**
 * The boot loader that an image carries, and what of it lies on an EFI system partition. Pure. Facts: coreos/bootupd, `src/{efi,filetree}.rs`.
 */

/** An EFI system partition with its files but for kernels: path below EFI/ → sha256. */
export interface EfiPartition {
  readonly device: string;
  /** On a disk that the system's root lies on: what bootupd looks after. One of another disk is somebody else's. */
  readonly isOurs: boolean;
  readonly files: Readonly<Record<string, string>>;
}

/** Path below EFI/ → sha256. */
export type EfiFiles = Readonly<Record<string, string>>;

export interface EfiPayload {
  /** Of the boot loader that is installed (`grub2`, `grub-cc`, `systemd-boot`: of the others bootupd installs nothing). */
  readonly files: EfiFiles;
  /**
   * Files that two versions of one package have, each another one, as `shim/15.8-3 and shim/16.1-5: fedora/shimx64.efi`. Which of them bootupd installs
   * is chance (bootupd 0.3.2, `get_efi_component_from_usr`; coreos/bootupd#1073).
   */
  readonly mixed: readonly string[];
}

/** bootupd's own names of boot loaders (`src/bootloader.rs`, efi_component_name). */
const loaders = ["grub2", "grub-cc", "systemd-boot"];

/** sha256sum(1): a name with odd characters is escaped, and marked by a backslash before the hash. */
const hashLine = /^\\?([0-9a-f]{64}) [ *](?:\.\/)?(.+)$/;

/** Lines of `sha256sum`: path → hash. */
export function parseHashes(text: string): Record<string, string> {
  const found = text.split("\n").flatMap((line) => {
    const [, hash, path] = hashLine.exec(line) ?? [];
    return hash === undefined || path === undefined ? [] : [[path, hash] as const];
  });
  return Object.fromEntries(found);
}

/** Hashes below `<component>/<version>/EFI/`, or `EFI/` in the old layout: what belongs to no other boot loader than the installed one. */
export function parsePayload(text: string, installed: string): EfiPayload {
  const names = installed.split(",").map((name) => name.trim());
  const isOther = (component: string): boolean =>
    loaders.includes(component) && !names.some((name) => name.startsWith(`${component}-`));
  const files: Record<string, string> = {};
  const from = new Map<string, string>();
  const mixed: string[] = [];
  for (const [whole, hash] of Object.entries(parseHashes(text))) {
    const [, folder = "", path] = /^(?:([^/]+\/[^/]+)\/)?EFI\/(.+)$/.exec(whole) ?? [];
    const [component = ""] = folder.split("/");
    if (path === undefined || isOther(component)) continue;
    const other = from.get(path);
    if (other !== undefined && files[path] !== hash)
      mixed.push(`${[other, folder].sort().join(" and ")}: ${path}`);
    files[path] = hash;
    from.set(path, folder);
  }
  return { files, mixed: mixed.sort() };
}

/** FAT takes names in upper and lower case for the same, and keeps those of a folder that was there before. */
const folded = (path: string): string => path.toLowerCase();

/** A file's hash on a partition. */
export function hashOn({ files }: EfiPartition, path: string): string | undefined {
  const wanted = folded(path);
  return Object.entries(files).find(([one]) => folded(one) === wanted)?.[1];
}

/** What of a payload is not on a partition, or is another there: paths below EFI/. */
export const differences = (payload: EfiFiles, partition: EfiPartition): string[] =>
  Object.keys(payload).filter((path) => hashOn(partition, path) !== payload[path]);

/** What of the payload of before is still on a partition, although the new one does not have it: an update removes it (`apply_diff`). */
export function leftovers(before: EfiFiles, payload: EfiFiles, partition: EfiPartition): string[] {
  const kept = new Set(Object.keys(payload).map(folded));
  return Object.keys(before).filter(
    (path) => !kept.has(folded(path)) && hashOn(partition, path) !== undefined,
  );
}

/** Where an update makes the new folders before it puts them in place; the next one removes what one that was cut off has left (`cleanup_tmp`). */
export const temporaryPath = (path: string): string => `.btmp.${path}`;

/** Files of a partition that an update has left. */
export const temporaryFiles = ({ files }: EfiPartition): string[] =>
  Object.keys(files).filter((path) => /(?:^|\/)\.btmp\./.test(path));
