/** An installer ISO as an image: its disk is made when it is needed, and which image it installs nobody can tell from outside. */
import type { Image } from "../image.ts";
import { architectureOf } from "../inspect/architecture.ts";
import { type LocatedDisk, shownName } from "../origins/remote-disk.ts";
import { readInstaller } from "./installer.ts";

/** Throws UsageError for an ISO that cannot install anything. */
export async function resolveIso(
  name: string,
  { path, notes }: LocatedDisk,
  options: {
    readonly cacheDir: string;
    readonly signal: AbortSignal;
    readonly onProgress: (line: string) => void;
  },
): Promise<Image> {
  const calls = shownName(name);
  const { installer, architecture, standIns } = await readInstaller(path, { ...options, calls });
  const told = architectureOf(calls, { architecture }, "ISO image");
  for (const note of told.notes) options.onProgress(note);
  return {
    name,
    digest: installer.digest,
    manifest: null,
    architecture: told.architecture,
    disk: null,
    installer,
    oci: null,
    follows: null,
    standIns,
    notes: [...notes, ...told.notes],
  };
}
