/** Kernel arguments of a deployment that is made. */
import type { SabotageName } from "./sabotages.ts";
import type { SimulatedImage } from "./simulated-image.ts";

interface Given {
  /** Those of the machine besides its console. */
  readonly own: readonly string[];
  /** Those of the deployment that runs. */
  readonly before: readonly string[];
  /** What is sabotaged, whatever the image. */
  has(name: SabotageName): boolean;
}

/** The machine's own first. Of the image's, the sabotaged system keeps what the one before had, has those twice, or gets none. */
export function argumentsFor(
  { kargs = [] }: SimulatedImage,
  { own, before, has }: Given,
): readonly string[] {
  if (has("kargs-lost")) return ["console=ttyS0"];
  const first = has("kargs-stay") ? before : ["console=ttyS0", ...own];
  return [...new Set([...first, ...kargs]), ...(has("kargs-doubled") ? before : [])];
}
