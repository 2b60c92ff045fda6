/** What a plan is made of in tests: an image, a machine and stories. */
import { asDigest } from "../../../harness/base/units.ts";
import type { MachineChoice } from "../../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../../harness/engine/scenario.ts";
import type { DiskImage, Image } from "../../../images/image.ts";

const digest = asDigest(`sha256:${"1".repeat(64)}`);
const disk = { path: "/images/v1.qcow2", format: "qcow2", digest } as const;
/** An image with both forms. */
export const plainImage = (): Image & { readonly disk: DiskImage } => ({
  name: "reference:v1",
  digest,
  manifest: digest,
  architecture: "x86_64",
  disk,
  oci: { layout: "/images/oci", tag: "v1" },
  follows: null,
  standIns: [],
});
/** A machine of QEMU under emulation. */
export const plainMachine = (): MachineChoice => ({
  driver: "qemu",
  architecture: "x86_64",
  firmware: "uefi",
  accelerator: "tcg",
  timeScale: 6,
  memoryMiB: 1536,
  cpus: 2,
  network: "closed",
  capabilities: new Set(["power", "services"]),
  sectorBytes: [512],
  refusal: null,
});

/** A story that needs this and does nothing. */
export const story = (
  id: string,
  needs: LoadedScenario["definition"]["needs"],
): LoadedScenario => ({
  id,
  definition: { summary: id, needs, timeoutMinutes: 1, run: async () => undefined },
});
