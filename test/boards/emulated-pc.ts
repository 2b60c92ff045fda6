/** A PC that is not there, behind the parts of a real board. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../harness/base/free-port.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import { descriptorFolders, findFirmware } from "../../harness/machine/qemu/firmware.ts";
import { EmulatedBoard } from "./emulated-board.ts";

export interface EmulatedPcOptions {
  /** Its card, its firmware's variables and `boards.yaml` lie there. */
  readonly folder: string;
  readonly name?: string;
  readonly memoryMiB?: number;
  /** `none`: it is spoken to over its serial line alone. Default `fixed`. */
  readonly network?: "fixed" | "none";
  /** How much slower it is than hardware. */
  readonly slowness?: number;
}

export async function startEmulatedPc(options: EmulatedPcOptions): Promise<EmulatedBoard> {
  const { folder, memoryMiB = 1536, network = "fixed", slowness = 6 } = options;
  const sshPort = await freePort();
  const facts = architectureFacts.x86_64;
  if (facts === undefined) throw new Error("there is no QEMU for x86_64");
  const found = await findFirmware("uefi", "x86_64", facts, descriptorFolders());
  if (found === null) throw new Error("the host does not have UEFI firmware");
  const vars = join(folder, "vars.fd");
  await copyFile(found.varsTemplate.path, vars);
  const flash = (path: string, format: string, more = "") =>
    `if=pflash,format=${format},file=${path}${more}`;
  const machine = found.needsSmm ? "q35,smm=on" : "q35";
  const card = join(folder, "card.raw");
  const command = [
    ...["qemu-system-x86_64", "-nodefaults", "-no-user-config"],
    ...["-display", "none", "-monitor", "none"],
    ...["-machine", machine, "-accel", "tcg,thread=multi", "-cpu", facts.emulatedProcessor],
    ...["-smp", "2", "-m", `${memoryMiB}M`, "-serial", "stdio"],
    ...["-drive", flash(found.code.path, found.code.format, ",readonly=on")],
    ...["-drive", flash(vars, found.varsTemplate.format)],
    ...["-drive", `if=none,id=card,format=raw,cache=unsafe,file=${card}`],
    ...["-device", "virtio-blk-pci,drive=card", "-device", "virtio-rng-pci"],
    ...(network === "none"
      ? []
      : [
          ...["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${sshPort}-:22`],
          ...["-device", "virtio-net-pci,netdev=net,romfile="],
        ]),
  ];
  const address = `{ by: fixed, address: 127.0.0.1, sshPort: ${sshPort} }`;
  return EmulatedBoard.start({
    ...{ folder, name: options.name ?? "emulated-pc", startsWith: async () => command },
    described: [
      "architecture: x86_64",
      `network: ${network === "none" ? "{ by: none }" : address}`,
      `limits: { slowness: ${slowness}, offSeconds: 0 }`,
    ],
  });
}
