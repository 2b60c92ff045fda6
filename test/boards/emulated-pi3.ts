/**
 * A Raspberry Pi 3 that is not there, behind the parts of a real board: QEMU's `raspi3b` runs the U-Boot of its card. It has no network. What the
 * graphics processor of a real one does before that is played here: it reads its files from the card, and is silent where one is missing.
 */
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
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
  /** `none`: nothing is in its slot, whatever was written. Default: the card. */
  readonly slot?: "card" | "none";
}

export function startEmulatedPi3(options: EmulatedPi3Options): Promise<EmulatedBoard> {
  const { folder, slowness = 6, slot = "card", more = [] } = options;
  const card = join(folder, "card.raw");
  return EmulatedBoard.start({
    ...options,
    name: options.name ?? "emulated-pi3",
    startsWith: () => start(folder, card, slot),
    described: [
      "model: raspberry-pi-3",
      "architecture: aarch64",
      "network: { by: none }",
      `limits: { slowness: ${slowness}, offSeconds: 0 }`,
      ...more,
    ],
  });
}

/** What its processors start with. Without a card the one in its memory starts nothing: here U-Boot may lie in none, so the last one stays. */
async function start(
  folder: string,
  card: string,
  slot: "card" | "none",
): Promise<readonly string[] | null> {
  if (!(await exists(card))) return null;
  const read = await readFirmware(folder, card);
  if (read === null) return null;
  return [
    ...["qemu-system-aarch64", "-M", "raspi3b", "-nodefaults", "-no-user-config"],
    ...["-display", "none", "-monitor", "none", "-accel", "tcg,thread=multi"],
    ...["-kernel", read.kernel, "-dtb", read.deviceTree],
    ...(slot === "none" ? [] : ["-drive", `if=sd,format=raw,cache=unsafe,file=${card}`]),
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
