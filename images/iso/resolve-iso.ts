/** An installer ISO as an image: its disk is made when it is needed, and which image it installs its kickstart says. */
import type { FoundImage } from "../image.ts";
import { architectureOfName, requireSupported } from "../inspect/architecture.ts";
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
): Promise<FoundImage> {
  const calls = shownName(name);
  const { installer, architecture, standIns } = await readInstaller(path, { ...options, calls });
  // The ISO's own word, then its name's.
  const told = architecture ?? architectureOfName(calls.replace(/#.*/s, ""));
  return {
    name,
    digest: installer.digest,
    manifest: null,
    architecture: told === null ? null : requireSupported(told, calls),
    disk: null,
    installer,
    oci: null,
    follows: null,
    standIns,
    notes,
  };
}
