/** Compares what a deployment follows with a registry reference: one image has several spellings. Pure. */
import type { ImageReference } from "./bootc.ts";

/** Spellings of "from a registry, not verified" that tools put before a name (ostree-ext's origin, skopeo). */
const unverified =
  /^(?:ostree-unverified-registry:|ostree-unverified-image:(?:docker:\/\/|registry:)|docker:\/\/|registry:)/;

/** A name without its scheme and with its tag; a name that a digest pins keeps the digest, since it follows no tag. */
function normal(name: string): string {
  const plain = name.replace(unverified, "");
  const last = plain.slice(plain.lastIndexOf("/") + 1);
  return /[:@]/.test(last) ? plain : `${plain}:latest`;
}

/** What a signature of `spec.image` asks for: nothing is checked where it is absent or `insecure`. */
const isChecked = (signature: ImageReference["signature"]): boolean =>
  signature !== null && signature !== "insecure";

/**
 * True where a deployment pulls its updates from `wanted`, unverified as a registry of the harness needs it: that
 * registry serves no signatures, so a deployment that demands one follows something else.
 */
export function followsReference(image: ImageReference | null, wanted: string): boolean {
  if (image === null || image.transport !== "registry" || isChecked(image.signature)) return false;
  return normal(image.image) === normal(wanted);
}

/** What a deployment follows, for people. */
export function describeReference(image: ImageReference | null): string {
  if (image === null) return "nothing";
  const name = image.transport === "registry" ? image.image : `${image.transport}:${image.image}`;
  if (!isChecked(image.signature)) return name;
  const { signature } = image;
  const how = typeof signature === "string" ? signature : JSON.stringify(signature);
  return `${name} (signature: ${how})`;
}
