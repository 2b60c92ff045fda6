/** Files of the simulated guest's image that lie in objects: their content, and what a story has changed of them behind the system's back. */
import { createHash } from "node:crypto";
import { type Answer, ok } from "./exit.ts";

type Keeper = "ostree" | "composefs";

export interface ShippedFile {
  readonly path: string;
  readonly content: string;
  readonly checksum: string;
  readonly objects: Readonly<Record<Keeper, string>>;
}

export const shippedFolder = "/usr/lib/tmpfiles.d";

const shipped = (name: string, lines: number): ShippedFile => {
  const rule = "# A rule that nobody reads once the system is up.\n";
  const content = `${rule.repeat(lines)}d /run/${name}\n`;
  const checksum = createHash("sha256").update(content).digest("hex");
  const [folder, rest] = [checksum.slice(0, 2), checksum.slice(2)];
  return {
    ...{ path: `${shippedFolder}/${name}.conf`, content, checksum },
    objects: {
      ostree: `/sysroot/ostree/repo/objects/${folder}/${rest}.file`,
      composefs: `/sysroot/composefs/objects/${folder}/${rest}`,
    },
  };
};

export const shippedFiles: readonly ShippedFile[] = [shipped("simulated", 4), shipped("other", 6)];

/** `ostree ls --checksum` of their folder. */
export const listing = [
  `d00755 0 0      0 ${"a".repeat(64)} ${"b".repeat(64)} ${shippedFolder}`,
  ...shippedFiles.map(
    ({ content, checksum, path }) => `-00644 0 0 ${content.length} ${checksum} ${path}`,
  ),
  "",
].join("\n");

/** `find -printf '%s %p\n'` of it. */
export const sizes = shippedFiles
  .map(({ content, path }) => `${content.length} ${path}\n`)
  .join("");

/** The file that a path, or the path of an object, is of. */
export const shippedAt = (keeper: Keeper, path: string): ShippedFile | null =>
  shippedFiles.find((file) => file.path === path || file.objects[keeper] === path) ?? null;

/** Marks a file that something else was put in the place of; it stays over reboots. */
export const changed = (path: string): string => `${path}.changed`;
/** Marks a file of which a block was changed on the disk. */
export const changedBlock = (path: string): string => `${path}.block`;

export const isChanged = (
  keeper: Keeper,
  { objects }: ShippedFile,
  marks: ReadonlyMap<string, string>,
): boolean => marks.has(changed(objects[keeper])) || marks.has(changedBlock(objects[keeper]));

export const contentOf = (
  keeper: Keeper,
  file: ShippedFile,
  marks: ReadonlyMap<string, string>,
): string => (isChanged(keeper, file, marks) ? `!${file.content.slice(1)}` : file.content);

/** Answers `objectCommands.objectLike`. */
export const objectLike = (text: string): Answer =>
  ok(
    shippedFiles
      .map(({ path, objects }) => (text.includes(` ${path} `) ? `${objects.composefs}\n` : ""))
      .join(""),
  );
