/** What a job's facts say of images that nobody named; the engine logs it, and the gate counts it whether it was logged or not. */
import { type Deviation, deviation } from "../base/deviations.ts";

interface NamedImage {
  readonly name: string;
  readonly derivedFrom?: string | undefined;
}

/** A derived image is not one that users have, also where it was only published and never booted. */
export const derivedImages = (images: Readonly<Record<string, NamedImage>>): Deviation[] =>
  Object.entries(images).flatMap(([role, { name, derivedFrom }]) =>
    derivedFrom === undefined ? [] : [deviation("derived-image", role, name)],
  );
