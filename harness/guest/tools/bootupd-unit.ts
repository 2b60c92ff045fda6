/**
 * Whether an image migrates old boot menus at boot: Fedora's Atomic Desktops have a drop-in of bootupd's own unit for it, with a second
 * `ExecStart=` that calls `bootupctl migrate-static-grub-config` (workstation-ostree-config, `bootupd` post-processing).
 */
import { commands } from "../commands.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";
import { parseService, serviceProperties, updateUnit as unit } from "./bootupd-service.ts";

const properties = `ExecStart,${serviceProperties}`;

/** Reads `systemctl show`: why nothing is migrated at boot, as a whole sentence, or null where it is. An `ExecStart` has a line each. */
export function parseMigration(text: string): string | null {
  const calls = /^ExecStart=.{0,500}\bbootupctl migrate-static-grub-config\b/m.test(text);
  if (!calls)
    return `The image does not migrate old menus at boot: ${unit} does not call 'bootupctl migrate-static-grub-config'.`;
  const { ranAtThisBoot, isEnabled } = parseService(text);
  return ranAtThisBoot || isEnabled
    ? null
    : `The image does not migrate old menus at boot: ${unit} is not enabled in it.`;
}

/** The same, asked in a guest. */
export const whyNoMigration = async (io: GuestIo): Promise<string | null> =>
  parseMigration((await mustExec(io, commands.unitProperties(properties, [unit]))).stdout);
