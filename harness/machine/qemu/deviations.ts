/** What a QEMU machine of ours does differently from a user's: stated in every report, named by policies. */
import { type Deviation, deviation } from "../../base/deviations.ts";
import type { MachineSpec } from "../machine.ts";

/** What may be typed while a machine boots. A template that was typed at tells it to each of its forks. */
export const typedWords = ["menu-enter", "passphrase-typed"] as const;
export type Typed = (typeof typedWords)[number];

/** The list for one machine. */
export function deviationsOf(
  spec: MachineSpec,
  {
    accelerator,
    start,
    typed = [],
    hasPanicDevice = true,
  }: {
    readonly accelerator: string;
    readonly start: "cold" | "fork";
    /** Of the template that it was forked from. */
    readonly typed?: readonly Typed[] | undefined;
    readonly hasPanicDevice?: boolean;
  },
): Deviation[] {
  const hasDisk = spec.disks.some(({ kind }) => kind !== "iso");
  const names = Object.keys(spec.credentials).sort();
  const all: readonly (readonly [boolean, Deviation])[] = [
    [names.length > 0, deviation("credentials", names.join(", "))],
    [spec.network === "closed", deviation("network-closed")],
    [accelerator === "tcg", deviation("tcg")],
    [start === "fork", deviation("fork")],
    ...typed.map((word) => [true, deviation(word)] as const),
    [spec.firmware === "bios", deviation("bios-serial")],
    [
      spec.firmware === "uefi-secure-boot" && spec.secureBootKeys !== undefined,
      deviation("secure-boot-keys"),
    ],
    // Of a machine with nothing but CD drives neither is true.
    [hasDisk, deviation("unsafe-cache")],
    [hasDisk, deviation("overlay-disk")],
    [hasPanicDevice, deviation("pvpanic")],
  ];
  return all.flatMap(([applies, one]) => (applies ? [one] : []));
}
