/**
 * The file behind a loop device, and the device where a killed build leaves it: between `losetup --find` and the mark that
 * makes it go with its last user. What proves that a device is ours is its file's name: it has a random number in it, and
 * is noted in the cache before the file is made. Nothing else is let go of, whatever it is called.
 */
import { randomBytes } from "node:crypto";
import { readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { livingNames, markedPart, putMark } from "../../base/marks.ts";
import { cacheRoot } from "../../base/places.ts";
import { attemptCommand } from "../../base/process.ts";
import { pathOfRoot } from "./private-run.ts";

/** A raw file that is noted. Disposing lets go of a device that is left on it. */
export interface LoopDisk extends AsyncDisposable {
  readonly path: string;
}

const notesFolder = (): string => join(cacheRoot(), "loop-disks");
const ownName = /^bootgate-[0-9a-f]{32}\.raw$/;

/** Makes a file with a hole of so many bytes, and first lets go of what killed builds have left. */
export async function makeLoopDisk(folder: string, bytes: number): Promise<LoopDisk> {
  await releaseLeft();
  const name = `bootgate-${randomBytes(16).toString("hex")}.raw`;
  const note = await putMark(notesFolder(), name, cacheRoot());
  const path = join(folder, name);
  try {
    await writeFile(path, "", { flag: "wx" });
    await truncate(path, bytes);
  } catch (error) {
    await note[Symbol.asyncDispose]();
    throw error;
  }
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      if (await releaseDevices(new Set([name]))) await note[Symbol.asyncDispose]();
    },
  };
}

/** Devices of builds whose process has ended. Their notes go once no device is left on them. */
async function releaseLeft(): Promise<void> {
  const folder = notesFolder();
  const all = await readdir(folder).catch(() => [] as string[]);
  const alive = new Set(await livingNames(folder, cacheRoot()));
  const dead = all.filter((name) => !alive.has(name));
  if (dead.length === 0) return;
  if (!(await releaseDevices(new Set(dead.map(markedPart))))) return;
  for (const name of dead) await rm(join(folder, name), { force: true });
}

/** Lets go of the loop devices whose file has one of these names. False where that is not known to have worked. Never throws. */
async function releaseDevices(names: ReadonlySet<string>): Promise<boolean> {
  const losetup = (...args: string[]) =>
    attemptCommand("losetup", args, { env: { PATH: pathOfRoot() }, timeoutMs: 30_000 });
  try {
    const list = await losetup("--noheadings", "--raw", "--output", "NAME,BACK-FILE");
    let isDone = list.exitCode === 0;
    for (const line of list.stdout.split("\n")) {
      const [device = "", file = ""] = line.split(" ");
      if (!names.has(baseName(file))) continue;
      isDone = (await losetup("--detach", device)).exitCode === 0 && isDone;
    }
    return isDone;
  } catch {
    return false;
  }
}

/** losetup(8): a file that was deleted is marked so, and `--raw` writes a space as `\x20`. */
function baseName(file: string): string {
  const name =
    file
      .replace(/(?:\\x20| )\(deleted\)$/, "")
      .split("/")
      .at(-1) ?? "";
  return ownName.test(name) ? name : "";
}
