/**
 * The console's tables applied to the journal, so that one event has one meaning in either place. A line of the
 * journal says who wrote it; the kernel's and systemd's messages are looked for in their own lines only, since any
 * service may quote them.
 */
import { anyOf } from "./console-pattern.ts";
import { fatalPatterns } from "./console-patterns.ts";

/** Who wrote a line: `… host kernel: `, `… host systemd[1]: `. The stamps of all short formats have no colon before a space. */
const writtenBy = / ([^\s[\]:]{1,64})(?:\[\d{1,10}\])?: /;
/** Stamp and host name are shorter than this. */
const longestHead = 400;

/** The fault that is not held against an image: how much memory a guest has is chosen for it. */
export const outOfMemory = "out-of-memory";

/** The oops that an emulated processor can bring about by itself (`qemu/version.ts`). */
export const emulatedOops = "kernel-int3";

const fileSystemDamaged = "file-system-damaged";

/** What is in no healthy boot's journal and ends no boot, so that only the journal is searched for it. */
const journalOnly: readonly {
  readonly name: string;
  readonly writer: string;
  readonly regex: RegExp;
}[] = [
  // arch/x86/mm/fault.c and arch/x86/kernel/traps.c. An unknown instruction is not meant: the processor is chosen for the image.
  {
    name: "segfault",
    writer: "kernel",
    regex: /\bsegfault at |\btraps: .{0,40}\[\d{1,10}\] general protection fault\b/,
  },
  // What the image's own file systems say of damage (fs/ext4/super.c, fs/xfs/xfs_error.c, fs/btrfs/tree-checker.c and disk-io.c). A device that cannot be read is not meant, nor a transaction that XFS cancels after it.
  {
    name: fileSystemDamaged,
    writer: "kernel",
    regex:
      /\bEXT4-fs error \(device [^)]{1,40}\): (?!.*(?:unable to read|reading |Cannot read |async write back|mark_inode_dirty error|I\/O|IO (?:error|failure)|err(?:or)? -5\b|error 5\b|Cannot get buffer|aborted journal))/,
  },
  {
    name: fileSystemDamaged,
    writer: "kernel",
    regex:
      /\bXFS \([^)]{1,40}\): (?:Metadata (?:corruption|CRC error) detected|Corruption (?:of in-memory data (?!.*xfs_trans_cancel)|detected))/,
  },
  {
    name: fileSystemDamaged,
    writer: "kernel",
    regex:
      /\bBTRFS (?:critical|error|warning) \(device [^)]{1,60}\): .{0,200}(?:corrupt (?:leaf|node)|csum failed|checksum verify failed|parent transid verify failed)/,
  },
  // A boot may survive it, a health check cannot say that all is well after it.
  { name: outOfMemory, writer: "kernel", regex: /\bOut of memory(?:: Kill| and no killable)/ },
  // fs/squashfs/decompressor.c and fs/erofs: what the file system of a live medium says of damage. A device that cannot be read is not meant.
  {
    name: "medium-damaged",
    writer: "kernel",
    regex:
      /\bSQUASHFS error: .{0,60}(?:decompression failed|corrupt)|\berofs \(device [^)]{1,40}\): .{0,120}(?:corrupted|failed to decompress)/,
  },
  { name: "core-dump", writer: "systemd-coredump", regex: /\bdumped core\b/ },
];

/**
 * Whose lines can be a fault at all, for grep -E and for JavaScript alike: the kernel, systemd and its helpers, and the
 * programs of an initramfs and of greenboot that the tables name.
 */
const writers =
  "(kernel|systemd|systemctl|systemd-coredump|greenboot[a-z-]{0,40}|dracut[a-z-]{0,40}|ignition[a-z-]{0,40}|ostree-prepare-root|bootc-root-setup|bootc-initramfs-setup|composefs-setup-root|initramfs-setup)";
const isWriter = new RegExp(`^${writers}$`);

/** An extended regular expression (regex(7)) that every line which can be a fault matches, so that a guest can leave out the rest. */
export const faultLines = ` ${writers}(\\[[0-9]{1,10}\\])?: `;

/** Patterns whose line is proof by itself: what a boot survives, and what asks a question, is not held against one that came up. */
const immediate = fatalPatterns.filter(
  ({ graceMs, times, prompt }) => graceMs === undefined && times === undefined && prompt !== true,
);
const anyImmediate = anyOf(immediate.map(({ regex }) => regex));

/** The name of the fault that a line of `journalctl -o short…` tells, as the console's watcher would name it; null for any other line. */
export function journalFault(line: string): string | null {
  const head = writtenBy.exec(line.slice(0, longestHead));
  const [all = "", writer] = head ?? [];
  if (head === null || writer === undefined || !isWriter.test(writer)) return null;
  const only = journalOnly.find((fault) => fault.writer === writer && fault.regex.test(line));
  if (only !== undefined) return only.name;
  // As the same message stands on the console: behind a stamp for the kernel, with the writer's name for all others.
  const onConsole =
    writer === "kernel"
      ? `[    0.000000] ${line.slice(head.index + all.length)}`
      : line.slice(head.index + 1);
  if (!anyImmediate.test(onConsole)) return null;
  return immediate.find(({ regex }) => regex.test(onConsole))?.name ?? null;
}
