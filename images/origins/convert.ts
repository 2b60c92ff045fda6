/** Converts a disk of another hypervisor to qcow2 in the cache, once per content. */
import { open } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { type Digest, formatBytes } from "../../harness/base/units.ts";
import { isVhdFooter } from "../inspect/disk-kind.ts";
import type { ForeignDisk } from "../inspect/foreign-disk.ts";
import { runBounded } from "./bounded-run.ts";
import { keptDisk } from "./disk-shelf.ts";
import { defaultMaxBytes } from "./unpack.ts";

export interface ConvertOptions {
  /** The disk; its header was found harmless (`readForeignDisk`). */
  readonly path: string;
  readonly kind: ForeignDisk;
  /** The file that the person gave, and its digest, which names the place in the cache. */
  readonly given: string;
  readonly digest: Digest;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Largest qcow2 file, in bytes. Default 64 GiB. */
  readonly maxBytes?: number;
}

/**
 * Path of the qcow2. `check` judges it before it is kept. Throws UsageError for a disk that is damaged, not whole in
 * itself or too large; HostUnfit for what this host lacks.
 */
export async function convertDisk(
  options: ConvertOptions,
  check: (path: string) => Promise<unknown>,
): Promise<string> {
  const { path, kind, given, digest, cacheDir, signal, onProgress, maxBytes } = options;
  return keptDisk({
    path,
    cacheDir,
    digest,
    form: "qcow2",
    maxBytes: maxBytes ?? defaultMaxBytes,
    given,
    verb: "converts",
    signal,
    onProgress,
    make: async (target, bounds) => {
      await requireWhole(options);
      onProgress(`Converting '${given}', ${kind.words}.`);
      await runBounded({
        subject: `'${given}' converts`,
        program: "qemu-img",
        args: ["convert", "-U", "-O", "qcow2", sourceOf(path, kind), target],
        target,
        bounds,
        cacheDir,
        signal,
        onBytes: (bytes) => onProgress(`Wrote ${formatBytes(bytes)} of '${basename(given)}'.`),
        damaged: (reason) => damaged(options, reason),
      });
      await check(target);
    },
  });
}

/**
 * Converting would make zeros of what lies behind the end of a truncated file, and succeed. QEMU's check sees that of a
 * VMDK (block/vmdk.c, `vmdk_check`) and opening it of a VHDX; a VHD ends in its footer, and QEMU has no check for it.
 */
async function requireWhole(options: ConvertOptions): Promise<void> {
  const { path, kind, signal } = options;
  if (kind.driver === "vpc") {
    if (!isVhdFooter(await readTail(path, 512))) throw damaged(options, "its footer is missing");
    return;
  }
  const args = ["check", "-U", sourceOf(path, kind)];
  const limits = { signal, timeoutMs: 600_000, maxBytes: 1024 * 1024 };
  const { exitCode, stdout, stderr } = await attemptCommand("qemu-img", args, limits).catch(
    (error: unknown) => {
      // A badly damaged file makes it print without end; that ends the command, and is an answer.
      if (error instanceof HostUnfit && /maxBuffer/.test(error.message)) {
        throw damaged(options, "qemu-img finds faults without end");
      }
      throw error;
    },
  );
  // 3: clusters that nothing names, which harm nobody (qemu-img(1), check).
  if (exitCode !== 0 && exitCode !== 3) throw damaged(options, `${stdout}\n${stderr}`.trim());
}

async function readTail(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const room = Buffer.alloc(bytes);
    await file.read(room, 0, bytes, Math.max(0, size - bytes));
    return room;
  } finally {
    await file.close();
  }
}

/**
 * The disk alone: QEMU opens no parent where `backing` is null. A VHD has its size twice, and the one in cylinders,
 * which QEMU believes of some makers, is rounded down: the end of the disk and the second copy of its GPT would be lost.
 */
function sourceOf(path: string, { driver }: ForeignDisk): string {
  const file = { driver: "file", filename: resolve(path) };
  const more = {
    vmdk: { backing: null },
    vpc: { force_size_calc: "current_size" },
    vhdx: {},
  }[driver];
  return `json:${JSON.stringify({ driver, ...more, file })}`;
}

function damaged({ given, kind, path }: ConvertOptions, reason: string): UsageError {
  const said = reason.replaceAll(path, given).slice(-500);
  // QEMU refuses a VHDX whose flag says that it has a parent (block/vhdx.c).
  if (kind.driver === "vhdx" && /not supported/i.test(reason)) {
    return new UsageError(
      `'${given}' is not a VHDX that stands alone, or needs more than is known.`,
      {
        details: { said, "to do": "merge it with its parent, and give the disk that results" },
      },
    );
  }
  return new UsageError(`'${given}' is truncated or damaged: it cannot be read as ${kind.words}.`, {
    details: { said, "to do": "download the file again, and compare its checksum" },
  });
}
