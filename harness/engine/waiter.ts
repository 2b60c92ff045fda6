/** Who waits for a share of the host, and how long before nobody is let in first who came later. */
import type { HostCost } from "../machine/machine.ts";

/** After so many others, or so long a time, nobody who came later is let in before. */
const passedOverAtMost = 4;
const waitsAtMostMs = 300_000;

/** How long somebody has waited, whatever he waited for in turn. */
export interface Age {
  /** Milliseconds of the epoch: other runs compare it with theirs. */
  readonly since: number;
  /** How many that came later were let in before. */
  passedOver: number;
}

export interface Waiter {
  readonly cost: HostCost;
  readonly age: Age;
  /** `now`: it goes where it cannot be let in at once. `room`: it takes nothing, and asks only whether it could. */
  readonly kind: "take" | "now" | "room";
  /** Whether the host was measured again, which comes before a refusal. */
  measured: "not" | "now" | "yes";
  readonly admit: () => void;
  readonly leave: () => void;
  readonly refuse: (reason: unknown) => void;
}

export const newAge = (): Age => ({ since: Date.now(), passedOver: 0 });

export const isPatient = ({ passedOver, since }: Age): boolean =>
  passedOver < passedOverAtMost && Date.now() - since < waitsAtMostMs;
