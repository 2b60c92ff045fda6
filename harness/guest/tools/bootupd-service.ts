/** bootupd's service, which brings the boot loader of the booted image at each boot (coreos/bootupd, `systemd/bootloader-update.service`). */
import { ExpectationFailed, quoting } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";
import { parseBlocks } from "./properties.ts";

export const updateUnit = "bootloader-update.service";

/** What bootupd's service does at a boot (org.freedesktop.systemd1(5)); presets may have enabled it, so systemd is asked and not its files. */
export interface UpdateService {
  readonly isEnabled: boolean;
  readonly ranAtThisBoot: boolean;
  /** It may be one that a virtual machine does not meet (systemd.unit(5)). */
  readonly hasUnmetCondition: boolean;
  readonly activeState: string;
}

/** Properties of the unit that `parseService` reads. */
export const serviceProperties =
  "ExecMainStartTimestampMonotonic,UnitFileState,ActiveState,ConditionResult,ConditionTimestampMonotonic";

/** Asks systemd. */
export async function updateService(io: GuestIo): Promise<UpdateService> {
  const asked = commands.unitProperties(serviceProperties, [updateUnit]);
  return parseService((await mustExec(io, asked)).stdout);
}

/** Reads `systemctl show` of the unit. Pure. */
export function parseService(text: string): UpdateService {
  const [told = {}] = parseBlocks(text);
  // A time is zero where it never came to that.
  const hasTime = (name: string): boolean => Number(told[name]) > 0;
  return {
    isEnabled: /^enabled(?:-runtime)?$/.test(told["UnitFileState"] ?? ""),
    ranAtThisBoot: hasTime("ExecMainStartTimestampMonotonic"),
    hasUnmetCondition: told["ConditionResult"] === "no" && hasTime("ConditionTimestampMonotonic"),
    activeState: told["ActiveState"] ?? "",
  };
}

/**
 * Why the service did not run at this boot, as the end of a sentence; null where it did. `before` is the service of before an upgrade. Throws ExpectationFailed where
 * it is enabled and did not run, and where the upgrade has lost it and an update is due: another unit may do the same by a name that nobody knows here.
 */
export function judgeService(
  { name, lookAt }: GuestIo,
  {
    before,
    now,
    isDue,
  }: { readonly before: UpdateService; readonly now: UpdateService; readonly isDue: boolean },
): string | null {
  if (now.ranAtThisBoot) return null;
  if (now.isEnabled && !now.hasUnmetCondition)
    throw new ExpectationFailed(
      quoting`${updateUnit} is enabled in guest '${name}' and did not run at this boot.`,
      {
        details: { "state of the unit": excerptStart(now.activeState, 100) || undefined },
        lookAt,
      },
    );
  if (before.isEnabled && !now.isEnabled && isDue)
    throw new ExpectationFailed(
      quoting`${updateUnit} was enabled in guest '${name}' before the upgrade and is not any more.`,
      { details: { "so that": "nobody who upgrades gets the new boot loader" }, lookAt },
    );
  return now.isEnabled ? "did not meet its conditions" : "is not enabled in this image";
}
