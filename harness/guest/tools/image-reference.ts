/** Compares what a deployment follows with a registry reference: one image has several spellings. Pure. */
import type { Digest } from "../../base/units.ts";
import type { ImageReference } from "./bootc.ts";

/** Spellings of "from a registry, not verified" that tools put before a name (ostree-ext's origin, skopeo). */
const unverified =
  /^(?:ostree-unverified-registry:|ostree-unverified-image:(?:docker:\/\/|registry:)|docker:\/\/|registry:)/;

/** How an origin names an image of a registry, with the remote whose keys or the policy by which it is checked (ostree-ext, `container/mod.rs`). */
const inOrigin =
  /^ostree-(?:unverified-registry:|(?:unverified-image|image-signed):(?:docker:\/\/|registry:)|remote-registry:[^:]{1,200}:|remote-image:[^:]{1,200}:(?:docker:\/\/|registry:))/;

/** A name without its scheme and with its tag; a name that a digest pins keeps the digest, since it follows no tag. */
function normal(name: string): string {
  const plain = name.replace(unverified, "");
  const last = plain.slice(plain.lastIndexOf("/") + 1);
  return /[:@]/.test(last) ? plain : `${plain}:latest`;
}

/** The reference of one image in the repository of a reference, whatever its tags come to stand for: `10.0.2.100:5000/os@sha256:…`. */
export const byDigest = (reference: string, digest: Digest): string =>
  `${reference.replace(/[:@][^/]*$/, "")}@${digest}`;

/** What a signature of `spec.image` asks for: nothing is checked where it is absent or `insecure`. */
const isChecked = (signature: ImageReference["signature"]): boolean =>
  signature !== null && signature !== "insecure";

/**
 * True where a deployment pulls its updates from `wanted`, unverified as stories order it: what they publish is signed only
 * where a story is about signatures, so a deployment that demands one follows something else.
 */
export function followsReference(image: ImageReference | null, wanted: string): boolean {
  if (image === null || image.transport !== "registry" || isChecked(image.signature)) return false;
  return normal(image.image) === normal(wanted);
}

/** True where the `container-image-reference` of an origin names `wanted`, whichever way it is checked. */
export const originNames = (value: string, wanted: string): boolean =>
  inOrigin.test(value) && normal(value.replace(inOrigin, "")) === normal(wanted);

/** What a deployment follows, for people. */
export function describeReference(image: ImageReference | null): string {
  if (image === null) return "nothing";
  const name = image.transport === "registry" ? image.image : `${image.transport}:${image.image}`;
  if (!isChecked(image.signature)) return name;
  const { signature } = image;
  const how = typeof signature === "string" ? signature : JSON.stringify(signature);
  return `${name} (signature: ${how})`;
}
