/** The firmware that a machine gets, with the keys that it is to have. */
import { findOwnKeys, type OwnKeys } from "../../base/secure-boot-keys.ts";
import type { MachineSpec } from "../machine.ts";
import type { QemuHost } from "./assemble.ts";
import { type FlashFirmware, findFirmware } from "./firmware.ts";
import { type FindVariablesProgram, withOwnKeys } from "./own-keys.ts";

/** What of a machine its firmware hangs on. */
export type FirmwareSpec = Pick<MachineSpec, "architecture" | "firmware" | "secureBootKeys">;

const onPath: FindVariablesProgram = async () => ({ file: "virt-fw-vars", words: [] });

/** The firmware of a machine, with the keys that it is to have; null for QEMU's built-in BIOS. Throws what `findFirmware` and `withOwnKeys` throw. */
export async function firmwareOf(
  host: QemuHost,
  spec: FirmwareSpec,
): Promise<FlashFirmware | null> {
  const { found, keys } = await chooseFirmware(host, spec);
  if (found === null || keys === null) return found;
  const { cacheDir, variablesProgram: program = onPath } = host;
  return withOwnKeys(found, keys, { cacheDir, program });
}

/** The firmware as the host has it, and the keys that it is to be given; null where it has its own. Throws UsageError for bad ones. */
export async function chooseFirmware(
  { facts, firmwareFolders }: QemuHost,
  { firmware, architecture, secureBootKeys }: FirmwareSpec,
): Promise<{ readonly found: FlashFirmware | null; readonly keys: OwnKeys | null }> {
  const keys =
    firmware === "uefi-secure-boot" && secureBootKeys !== undefined
      ? await findOwnKeys(secureBootKeys)
      : null;
  const found = await findFirmware(firmware, architecture, facts, firmwareFolders, keys !== null);
  return { found, keys };
}
