/** What a QEMU machine of ours does differently from a user's: stated in every report, named by policies. */
import { type Deviation, deviation } from "../../base/deviations.ts";
import type { MachineSpec } from "../machine.ts";

/** The list for one machine. */
export function deviationsOf(
  spec: MachineSpec,
  { accelerator, start }: { readonly accelerator: string; readonly start: "cold" | "fork" },
): Deviation[] {
  const hasDisk = spec.disks.some(({ kind }) => kind !== "iso");
  const names = Object.keys(spec.credentials).sort();
  const all: readonly (readonly [boolean, Deviation])[] = [
    [names.length > 0, deviation("credentials", names.join(", "))],
    [spec.network === "closed", deviation("network-closed")],
    [accelerator === "tcg", deviation("tcg")],
    [start === "fork", deviation("fork")],
    // Of a cold boot the console tells it once it is typed; a template was asked while it booted.
    [start === "fork" && spec.passphrase !== undefined, deviation("passphrase-typed")],
    [spec.firmware === "bios", deviation("bios-serial")],
    // Of a machine with nothing but CD drives neither is true.
    [hasDisk, deviation("unsafe-cache")],
    [hasDisk, deviation("overlay-disk")],
    [true, deviation("pvpanic")],
  ];
  return all.flatMap(([applies, one]) => (applies ? [one] : []));
}
