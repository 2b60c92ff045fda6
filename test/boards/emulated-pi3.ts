/**
 * A Raspberry Pi 3 that is not there, behind the parts of a real board: QEMU's `raspi3b` runs the U-Boot of its card. It has no network. What the
 * graphics processor of a real one does before that is played here: it reads its files from the card, and is silent where one is missing.
 */
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../harness/base/exists.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { EmulatedBoard, type EmulatedBoardOptions } from "./emulated-board.ts";
import { espStart } from "./pi-card.ts";

export interface EmulatedPi3Options
  extends Pick<EmulatedBoardOptions, "folder" | "plug" | "serial" | "write"> {
  readonly name?: string;
  /** How much slower it is than hardware. */
  readonly slowness?: number;
  /** Lines of `boards.yaml` beside the usual ones. */
  readonly more?: readonly string[];
  /** The card is gone once its firmware was read. */
  readonly losesCard?: boolean;
}

export function startEmulatedPi3(options: EmulatedPi3Options): Promise<EmulatedBoard> {
  const { folder, slowness = 6, losesCard = false, more = [] } = options;
  const card = join(folder, "card.raw");
  return EmulatedBoard.start({
    ...options,
    name: options.name ?? "emulated-pi3",
    startsWith: () => start({ folder, card, losesCard }),
    described: [
      "model: raspberry-pi-3",
      "architecture: aarch64",
      "network: { by: none }",
      `limits: { slowness: ${slowness}, offSeconds: 0 }`,
      ...more,
    ],
  });
}

/** What its processors start with; null where it does not come so far. */
async function start({
  folder,
  card,
  losesCard,
}: {
  readonly folder: string;
  readonly card: string;
  readonly losesCard: boolean;
}): Promise<readonly string[] | null> {
  if (!(await exists(card))) return null;
  const read = await readFirmware(folder, card);
  if (read === null) return null;
  return [
    ...["qemu-system-aarch64", "-M", "raspi3b", "-nodefaults", "-no-user-config"],
    ...["-display", "none", "-monitor", "none", "-accel", "tcg,thread=multi"],
    ...["-kernel", read.kernel, "-dtb", read.deviceTree],
    ...(losesCard ? [] : ["-drive", `if=sd,format=raw,cache=unsafe,file=${card}`]),
    ...["-serial", "stdio"],
  ];
}

/** The files that its firmware reads from the card (Raspberry Pi documentation, "Boot folder contents"); null where one is missing. */
async function readFirmware(
  folder: string,
  card: string,
): Promise<{ readonly kernel: string; readonly deviceTree: string } | null> {
  const work = await mkdtemp(join(folder, "firmware-"));
  const take = async (name: string): Promise<string | null> => {
    const path = join(work, name);
    const taken = await attemptCommand("mcopy", [
      "-n",
      "-i",
      `${card}@@${espStart}`,
      `::${name}`,
      path,
    ]);
    return taken.exitCode === 0 ? path : null;
  };
  for (const name of ["bootcode.bin", "start.elf", "fixup.dat"])
    if ((await take(name)) === null) return null;
  const config = await take("config.txt");
  if (config === null) return null;
  const text = await readFile(config, "utf8");
  const kernel = await take(/^kernel=(\S+)$/m.exec(text)?.[1] ?? "kernel8.img");
  const deviceTree = await take(/^device_tree=(\S+)$/m.exec(text)?.[1] ?? "bcm2837-rpi-3-b.dtb");
  return kernel === null || deviceTree === null ? null : { kernel, deviceTree };
}
