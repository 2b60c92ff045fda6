/** The files that an installer's machine needs beside the ISO: kernel and initrd out of it, and a volume with a kickstart. */
import { createReadStream, createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { InstallerImage, PlacedFile } from "../../../images/image.ts";
import { writeIso } from "../../../images/iso/write-iso.ts";
import { pump } from "../../base/pump.ts";
import { kickstartLabel, kickstartName } from "./installer-machine.ts";

/** Copies kernel and initrd out of the ISO, so that the machine itself can start them. */
export async function takeKernel(
  { installer, scratch }: { readonly installer: InstallerImage; readonly scratch: string },
  signal: AbortSignal,
): Promise<{ readonly kernel: string; readonly initrd: string }> {
  const [kernel, initrd] = [join(scratch, "vmlinuz"), join(scratch, "initrd.img")];
  await copyOut(installer.path, installer.kernel, kernel, signal);
  await copyOut(installer.path, installer.initrd, initrd, signal);
  return { kernel, initrd };
}

async function copyOut(
  iso: string,
  { start, size }: PlacedFile,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const part = createReadStream(iso, { start, end: start + size - 1 });
  await pump(part, createWriteStream(target), signal);
}

/** Writes the volume from which an installer reads its kickstart; returns its path. */
export async function kickstartVolume({
  kickstart,
  scratch,
}: {
  readonly kickstart: string | null;
  readonly scratch: string;
}): Promise<string> {
  const content = Buffer.from(kickstart ?? "");
  const path = join(scratch, "kickstart.iso");
  await writeFile(path, writeIso(kickstartLabel, [{ name: kickstartName, content }]));
  return path;
}
