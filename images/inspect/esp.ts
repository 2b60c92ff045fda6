/**
 * Which boot loaders lie on a disk's EFI partition, read by mtools where the host has them: without root, loop device or
 * mount. Whatever goes wrong only means that nothing is known.
 */
import { attemptCommand } from "../../harness/base/process.ts";
import { architectureOfLoaders, espType } from "./architecture.ts";
import type { DiskReader } from "./disk-reader.ts";
import type { Partition } from "./partition-table.ts";

/** Larger ones exist and are not worth the copy. */
const maxEspBytes = 1024 ** 3;

/** The architecture of the fallback boot loader in the first EFI partition, or null. */
export async function architectureOfEsp(
  disk: DiskReader,
  partitions: readonly Partition[],
): Promise<string | null> {
  const esp = partitions.find(({ type }) => type === espType);
  if (esp === undefined || esp.endBytes - esp.startBytes > maxEspBytes) return null;
  const { path, format, signal } = disk.source;
  try {
    const place =
      format === "raw"
        ? `${path}@@${esp.startBytes}`
        : await disk.extract(esp.startBytes, esp.endBytes - esp.startBytes);
    const options = {
      timeoutMs: 20_000,
      maxBytes: 256 * 1024,
      // Else it wants the geometry of a floppy (mtools(1)).
      env: { MTOOLS_SKIP_CHECK: "1" },
      ...(signal === undefined ? {} : { signal }),
    };
    const { stdout } = await attemptCommand("mdir", ["-b", "-i", place, "::/EFI/BOOT"], options);
    return architectureOfLoaders(stdout);
  } catch {
    signal?.throwIfAborted();
    return null;
  }
}
