/**
 * Gives an installed sysroot a boot loader whose countdown stands still, as GRUB's does on a busy emulating host: it shows
 * the line of its menu and goes on when Enter is pressed.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReferencePlatform } from "./platforms.ts";
import { type BuildContext, runAsRoot } from "./privileged.ts";

/** A module that our GRUB does not have built in, so the disk brings it. */
const module = "read.mod";
const words = [
  "insmod read",
  'echo "   The highlighted entry will be executed automatically in 1s."',
  "read answer",
  "set timeout=1",
].join("\n");

export interface StandingMenu {
  readonly sysroot: string;
  /** The boot loader's files of the base. */
  readonly grub: string;
  readonly platform: ReferencePlatform;
  /** A folder for what is made on the way. */
  readonly scratch: string;
}

export async function standMenu(
  { sysroot, grub, platform, scratch }: StandingMenu,
  context: BuildContext,
): Promise<void> {
  const folder = join(sysroot, "boot/grub2");
  const config = join(folder, "grub.cfg");
  const usual = await readFile(config, "utf8");
  const changed = usual.replace(/^set timeout=1$/m, words);
  if (changed === usual) throw new Error("GRUB's configuration does not say 'set timeout=1'.");
  const draft = join(scratch, "grub.cfg");
  await writeFile(draft, changed);
  // The file is a hard link to the seed's, so another has to take its place.
  await runAsRoot("cp", ["--remove-destination", draft, config], context);
  await runAsRoot(
    "install",
    ["-D", join(grub, module), join(folder, platform.grubTarget, module)],
    context,
  );
  await rm(draft);
}
