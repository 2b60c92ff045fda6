/** Secure Boot as the running system sees it: the firmware's own variables, and how the kernel locks itself down. */
import { CannotTell } from "../../base/errors.ts";
import type { Guest } from "../guest.ts";

/** EFI_GLOBAL_VARIABLE (UEFI 2.10, 3.3), as efivarfs names its variables (kernel documentation, filesystems/efivarfs). */
const variable = (name: string): string =>
  `/sys/firmware/efi/efivars/${name}-8be4df61-93ca-11d2-aa0d-00e098032b8c`;

/** `kernel_lockdown(7)`: the level stands in brackets. */
const lockdownPath = "/sys/kernel/security/lockdown";

export interface SecureBootReader {
  /** Whether the firmware refuses what is not signed; null where the guest does not show the firmware's variables. */
  enforced(): Promise<boolean | null>;
  /** The level of the kernel's lockdown: `none`, `integrity`, `confidentiality`; null where the kernel does not have it. */
  lockdown(): Promise<string | null>;
}

/** The reader of a guest. */
export const secureBootOf = ({ files }: Pick<Guest, "files">): SecureBootReader => ({
  async enforced() {
    const [isOn, isOpen] = [
      await files.read(variable("SecureBoot")),
      await files.read(variable("SetupMode")),
    ];
    if (isOn === null) return null;
    return flagOf(isOn) && !(isOpen !== null && flagOf(isOpen));
  },
  async lockdown() {
    const text = await files.read(lockdownPath);
    return text === null ? null : (/\[(\w{1,40})\]/.exec(text)?.[1] ?? null);
  },
});

/** Four bytes of attributes, then one of data. Pure. */
export const flagOf = (content: string): boolean => content.length === 5 && content[4] === "\x01";

/**
 * Sees that the machine is the one that was asked for. Its firmware is not the image's, so one that does not enforce, or that the guest does
 * not show, leaves nothing to judge: throws CannotTell.
 */
export async function expectSecureBoot(guest: Pick<Guest, "files" | "name">): Promise<void> {
  const enforced = await secureBootOf(guest).enforced();
  if (enforced === true) return;
  throw new CannotTell(
    enforced === null
      ? `Guest '${guest.name}' does not show the variables of its firmware.`
      : `The firmware of guest '${guest.name}' does not enforce Secure Boot.`,
    { details: { read: variable("SecureBoot") } },
  );
}
