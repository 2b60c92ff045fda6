/** What a QEMU machine of ours does differently from a user's: stated in every report, named by policies. */
import type { Deviation, MachineSpec } from "../machine.ts";

/** Said once it has happened. A key ends the countdown, so that the default entry starts without GRUB's fallback. */
export const menuEnter: Deviation = {
  id: "menu-enter",
  text: "Enter was pressed at the boot menu, whose countdown stood still.",
};

/** The list for one machine. Ids are stable. */
export function deviationsOf(
  spec: MachineSpec,
  { accelerator, start }: { readonly accelerator: string; readonly start: "cold" | "fork" },
): Deviation[] {
  const all: readonly [boolean, string, string][] = [
    [
      Object.keys(spec.credentials).length > 0,
      "credentials",
      `Credentials are given by SMBIOS (${Object.keys(spec.credentials).sort().join(", ")}); the image itself is not changed.`,
    ],
    [
      spec.network === "closed",
      "network-closed",
      "The network is closed: the guest reaches the harness's own services and nothing else.",
    ],
    [
      accelerator === "tcg",
      "tcg",
      "The processor is emulated (TCG): slower than hardware, and its timing differs.",
    ],
    [
      start === "fork",
      "fork",
      "The guest goes on from a template that was booted once: this machine's own boot was not seen.",
    ],
    [
      spec.firmware === "bios",
      "bios-serial",
      "The BIOS repeats its text screen on the serial console.",
    ],
    [
      true,
      "unsafe-cache",
      "Flushes of the disk end in the host's memory: a crash of the host, not of the guest, would lose data.",
    ],
    [
      true,
      "overlay-disk",
      "The guest writes to a throw-away overlay; its disk image is never changed.",
    ],
    [
      true,
      "pvpanic",
      "The machine has a pvpanic device, by which a kernel panic is seen without a console.",
    ],
  ];
  return all.flatMap(([applies, id, text]) => (applies ? [{ id, text }] : []));
}
