/** How a boot of the simulated guest ends, by what is on its disk and what that hangs on. */
import { refusesToBoot } from "./composefs.ts";
import type { BootEnd } from "./console-script.ts";
import { isLeaving } from "./red-green.ts";
import type { SimulatedSystem } from "./system.ts";

/** How far a boot of what is on the disk comes. */
export function endOfBoot(system: SimulatedSystem): BootEnd {
  if (system.lacksKernel) return "panic";
  if (system.is("panics-on-boot")) return "panic";
  if (system.is("second-boot-dies") && system.boots.length > 1) return "panic";
  if (system.is("unsigned-boot") && system.firmware === "uefi-secure-boot") return "unsigned";
  if (system.is("virtio-only") && system.diskBus !== "virtio") return "no-root";
  if (!refusesToBoot(system)) return isLeaving(system) ? "red" : "login";
  return system.is("refusal-untold") ? "panic" : "refused";
}
