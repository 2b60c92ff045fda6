/** What a boot loader and a stub leave of themselves in the firmware's variables (systemd, "The Boot Loader Interface"). */
import type { Guest } from "../guest.ts";

/** As efivarfs names its variables (kernel documentation, filesystems/efivarfs). */
const variable = (name: "LoaderInfo" | "StubInfo"): string =>
  `/sys/firmware/efi/efivars/${name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`;

/** Four bytes of attributes, then UTF-16 in which both name themselves by characters of ASCII alone. Pure. */
export const textOf = (content: string): string => content.slice(4).replaceAll("\0", "");

/** Whether the running system was started by systemd-boot. bootc and bootupd go by the same variable (bootc, `get_bootloader`). */
export async function isBySystemdBoot({ files }: Pick<Guest, "files">): Promise<boolean> {
  const told = await files.read(variable("LoaderInfo"));
  return told !== null && textOf(told).startsWith("systemd-boot");
}

/** Whether systemd-stub has started the kernel. */
export const isByStub = async ({ files }: Pick<Guest, "files">): Promise<boolean> =>
  (await files.read(variable("StubInfo"))) !== null;
