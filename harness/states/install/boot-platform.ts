/**
 * An ISO that its firmware did not start. That is held against the ISO only where its own boot catalogue says that it can be started
 * by this firmware: a medium for UEFI alone is not broken because somebody put it into a machine with a BIOS.
 */
import type { InstallerImage } from "../../../images/image.ts";
import { BootFailed, CannotTell, UsageError } from "../../base/errors.ts";
import type { Firmware } from "../../machine/machine.ts";

/** What a console shows of a firmware that found nothing to start, or could not start what it found. */
const notStarted =
  /^(?:firmware-no-bootable-device|firmware-load-failed|boot-sector-failed|uefi-shell)$/;

/** The error to blame for what ended the start of an ISO by its own boot loader. */
export function unlessOtherPlatform(
  error: unknown,
  {
    name,
    installer: { boots },
    firmware,
  }: {
    /** How the ISO is called in messages. */
    readonly name: string;
    readonly installer: Pick<InstallerImage, "boots">;
    readonly firmware: Firmware;
  },
): unknown {
  if (!(error instanceof BootFailed) || !notStarted.test(error.pattern ?? "")) return error;
  const platform = firmware === "bios" ? "bios" : "uefi";
  if (boots?.includes(platform) === true) return error;
  const told = { cause: error, lookAt: error.lookAt };
  const why = error.headline;
  if (boots === undefined)
    return new CannotTell(
      `Whether the ISO '${name}' can be started by ${firmware} firmware cannot be told.`,
      {
        ...told,
        details: {
          why,
          "its boot catalogue": "missing or damaged (El Torito)",
          "to do": "leave out --installer-boot: its kernel is then started directly",
        },
      },
    );
  return new UsageError(`The ISO '${name}' does not have a boot loader for ${firmware} firmware.`, {
    ...told,
    details: {
      why,
      "its boot catalogue":
        boots.length === 0 ? "has nothing that can be booted" : boots.join(", "),
      "to do": `use --firmware ${boots.length === 0 ? "FIRMWARE" : boots.join(" or ")}, or leave out --installer-boot`,
    },
  });
}
