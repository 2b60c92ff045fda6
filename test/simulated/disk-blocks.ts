/** The disk below the simulated guest's root, as far as the harness looks at it: where files lie on it, and what a block of it has. */
import { type Answer, bad, ok } from "./exit.ts";
import {
  changedBlock,
  contentOf,
  type ShippedFile,
  shippedAt,
  shippedFiles,
} from "./root-files.ts";

interface SystemWithDisk {
  readonly world: { readonly backend: "ostree" | "composefs" | null };
  readonly files: Map<string, string>;
}

interface DiskCall {
  readonly args: readonly string[];
  readonly system: SystemWithDisk;
}

const blockBytes = 4096;
/** Where the partition begins, in sectors of 512 bytes. */
const firstSector = 1_050_624;
/** Where on the partition the first file lies, in bytes. */
const firstByte = 168_724_357_120;

const onPartition = (file: ShippedFile): number =>
  firstByte + shippedFiles.indexOf(file) * blockBytes;
const onDisk = (number: number): ShippedFile | undefined =>
  shippedFiles.find((file) => firstSector * 512 + onPartition(file) === number * blockBytes);

/** filefrag(8), as 1.47.4 prints it. */
export function filefrag({ args, system }: DiskCall): Answer {
  const lines = args.flatMap((path) => {
    const file = shippedAt(system.world.backend ?? "ostree", path);
    if (file === null) return [];
    const at = onPartition(file);
    return [
      `File size of ${path} is ${file.content.length} (${blockBytes} block of 1 bytes)`,
      " ext:     logical_offset:        physical_offset: length:   expected: flags:",
      `   0:        0..    4095: ${at}..${at + 4095}:   4096:             last,eof`,
      `${path}: 1 extent found`,
    ];
  });
  return ok(["Filesystem type is: ef53", ...lines, ""].join("\n"));
}

/** Answers the scripts of `block-commands.ts`; null for any other. */
export function diskScript(text: string, system: SystemWithDisk): Answer | null {
  const backend = system.world.backend ?? "ostree";
  if (text.startsWith('cd "/sys/class/block/')) return ok(`vda ${firstSector}\n`);
  const [, bytes, path] = /^head -c (\d+) (\S+) \| base64 -w0$/.exec(text) ?? [];
  if (bytes !== undefined) {
    const file = shippedAt(backend, path ?? "");
    const content = file === null ? "" : contentOf(backend, file, system.files);
    return ok(Buffer.from(content).subarray(0, Number(bytes)).toString("base64"));
  }
  const [, device, number] =
    /\bdd if=(\S+) bs=4096 skip=(\d+) count=1 iflag=direct /.exec(text) ?? [];
  if (number === undefined) return null;
  const file = onDisk(Number(number));
  if (device !== "/dev/vda" || file === undefined) return bad(1, "dd: the disk has nothing there");
  if (text.includes(" conv=notrunc,fsync ")) {
    system.files.set(changedBlock(file.objects[backend]), "");
    return ok();
  }
  const block = Buffer.alloc(blockBytes);
  block.write(contentOf(backend, file, system.files));
  return ok(block.toString("base64"));
}
