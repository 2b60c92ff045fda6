/**
 * What the stories that change a file of the image behind the system's back share: the change of a block below the file system,
 * how a changed file is read, and whether `ostree fsck` names it. That something can be changed is never held against an image.
 */
import { CannotTell } from "../base/errors.ts";
import { blockCommands } from "../guest/block-commands.ts";
import { commands } from "../guest/commands.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";
import type { Backend } from "../guest/tools/backend.ts";
import { type Block, blocksOf } from "../guest/tools/blocks.ts";
import { type FileObject, objectsOf } from "../guest/tools/objects.ts";
import { expectThat } from "./expect.ts";
import { prepareGuest } from "./prepare-guest.ts";

/** Why nothing can be asked of a changed object; null where something can. */
export const whyUnheld = (backend: Backend, needsVerity: boolean): string | null =>
  backend === "composefs" && !needsVerity
    ? "The kernel arguments let objects be without fs-verity, and bootc's composefs backend does not have a check of them."
    : null;

/** Reads a file that was changed. `before` is its sha256 before that. */
export async function readTampered(
  guest: Guest,
  path: string,
  before: string,
): Promise<{ readonly how: "refused" | "kept" | "changed" | "failed"; readonly said: string }> {
  const { exitCode, stdout, stderr } = await guest.exec(commands.sha256(path));
  const said = excerptEnd(stderr || stdout, 500);
  if (exitCode !== 0)
    return { how: /Input\/output error/.test(stderr) ? "refused" : "failed", said };
  return { how: stdout.startsWith(before) ? "kept" : "changed", said };
}

/** Sees that `ostree fsck` names a changed object. Throws ExpectationFailed. */
export async function expectNamedByFsck(
  guest: Guest,
  { object, checksum }: FileObject,
): Promise<void> {
  const { isClean, damaged, said } = await objectsOf(guest).fsck();
  expectThat(!isClean, "'ostree fsck' finds nothing wrong with a changed object.", { object });
  expectThat(damaged.includes(checksum), "'ostree fsck' does not name the changed object.", {
    object,
    said,
  });
}

/** A byte that every small file has. */
const changedByte = 3;

/** Why a system does not let a disk be written, by its own word for it. */
const whyRefused: Readonly<Record<string, string>> = {
  "Device or resource busy":
    "the kernel does not let a device be written that is mounted (CONFIG_BLK_DEV_WRITE_MOUNTED)",
  "Operation not permitted": "writing to it is not permitted",
  "Permission denied": "writing to it is not permitted",
  "Read-only file system": "it is read-only",
};

/**
 * Changes a byte of a block, past the kernel's cache, and has the kernel forget what it knew of files. Returns as a sentence why the system does
 * not let it be changed, else null. Throws CannotTell where it is not changed all the same.
 */
export async function changeBlock(guest: Guest, block: Block): Promise<string | null> {
  const blocks = blocksOf(guest);
  const before = await blocks.read(block);
  const change = blockCommands.changePiece(block, changedByte);
  const word = (await prepareGuest(guest, "given a changed block", change)).trim();
  if (word !== "")
    return `${block.device} cannot be changed: ${whyRefused[word] ?? "the system refuses it"}.`;
  const after = await blocks.read(block);
  if (before !== null && after !== null && !after.equals(before)) return null;
  throw new CannotTell(`The disk of guest '${guest.name}' was not changed.`, {
    details: { device: block.device, block: `${block.number} of ${block.size} bytes` },
    lookAt: guest.lookAt,
  });
}

/** Sees that a file which was not changed is as it was. Throws CannotTell: then more was changed than the story meant to. */
export async function expectSpared(guest: Guest, path: string, before: string): Promise<void> {
  const { how, said } = await readTampered(guest, path, before);
  if (how === "kept") return;
  throw new CannotTell(`More of the disk of guest '${guest.name}' was changed than was meant.`, {
    details: { "another file": path, said },
    lookAt: guest.lookAt,
  });
}

const refusedWords =
  /fs-verity \([^)]{1,60}\): FILE CORRUPTED!.{0,60}|BTRFS \w{4,10} \([^)]{1,80}\): csum failed.{0,60}/g;

/** The kernel's own last word on data that is not as it should be, as a sentence for a note. */
export async function refusedBy(guest: Guest): Promise<string> {
  const { stdout } = await guest.exec(commands.journal({ priority: "warning", lines: 50 }));
  const word = [...stdout.matchAll(refusedWords)].at(-1)?.[0];
  return word === undefined
    ? "The kernel does not say by whom."
    : `The kernel says: ${excerptEnd(word, 200)}`;
}
