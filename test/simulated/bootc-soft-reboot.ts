/** Soft reboots by the simulated `bootc`. */
import { type Answer, bad, ok } from "./answer.ts";
import { isSoftRebootCapable } from "./bootc-status.ts";
import type { SimulatedSystem } from "./system.ts";

/** What an order of a soft reboot comes to. */
export function softly(system: SimulatedSystem, answer: Answer): Answer {
  if (system.is("soft-reboot-full")) return { ...answer, afterwards: "reboot" };
  system.softReboot();
  return answer;
}

/** `bootc internals prep-soft-reboot DEPLOYMENT --reboot`, for the composefs backend alone (bootc-dev/bootc, `bootc_composefs/soft_reboot.rs`). */
export function prepareSoftReboot(system: SimulatedSystem, [wanted, ...options]: string[]): Answer {
  if (system.world.backend !== "composefs")
    return bad(1, "error: Internals: soft-reboot only implemented for composefs");
  const { staged } = system;
  if (staged === null || staged.verity !== wanted)
    return bad(1, `error: Internals: Soft rebooting: Deployment '${wanted}' not found`);
  if (!isSoftRebootCapable(system, staged))
    return bad(
      1,
      "error: Internals: Soft rebooting: Cannot soft-reboot to deployment with a different kernel state",
    );
  const answer = ok("Soft reboot setup complete\n");
  return options.includes("--reboot") ? softly(system, answer) : answer;
}
