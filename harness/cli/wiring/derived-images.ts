/** Fills the roles that stories need and nobody named, with images derived from the candidate. */
import { derivedKinds, deriveImage } from "../../../images/derive/derive.ts";
import { SealedImage } from "../../../images/derive/sealed.ts";
import type { Image } from "../../../images/image.ts";
import type { LoadedScenario } from "../../engine/scenario.ts";

export type ImagesByRole = Partial<Record<string, Image>>;

export interface DerivedWish {
  /** The stories that were chosen: only what they need is made. */
  readonly scenarios: readonly LoadedScenario[];
  /** What was named, by role. */
  readonly images: ImagesByRole;
  readonly cacheDir: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The images with those that were derived. A candidate that is only a disk has nothing to derive from, and one that is sealed
 * takes no layer, so their roles stay empty and their jobs are skipped with that reason. Throws what `deriveImage` throws.
 */
export async function withDerivedImages(wish: DerivedWish): Promise<ImagesByRole> {
  const { scenarios, images, cacheDir, say, signal } = wish;
  const candidate = images.candidate;
  if (candidate === undefined || candidate.oci === null) return images;
  const needed = new Set(scenarios.flatMap(({ definition }) => definition.needs.images));
  const lacking = derivedKinds.filter((kind) => needed.has(kind) && images[kind] === undefined);
  const derived: ImagesByRole = {};
  for (const kind of lacking) {
    const image = await deriveImage(candidate, kind, { cacheDir, signal, onProgress: say }).catch(
      (error: unknown) => {
        if (error instanceof SealedImage) return error;
        throw error;
      },
    );
    if (image instanceof SealedImage) {
      say(image.headline);
      return { ...images, candidate: { ...candidate, notDerivable: image.headline } };
    }
    for (const note of image.notes ?? []) say(`${image.name}: ${note}`);
    derived[kind] = image;
  }
  return { ...images, ...derived };
}
