/** Images that cannot be brought to a guest as an OCI layout, in a folder or in one file. */
import type { Image } from "../../images/image.ts";

/**
 * Why these images cannot all lie in OCI layouts, as a sentence; null where they can. skopeo writes Docker's manifest into one where the
 * digest has to stay, and no program of its library reads it out again (podman-container-tools/skopeo#2577).
 */
export function whyNoLayout(images: readonly Image[]): string | null {
  const docker = images.filter(({ oci }) => oci?.hasDockerManifest === true);
  if (docker.length === 0) return null;
  const names = docker.map(({ name }) => `'${name}'`).join(" and ");
  const [verb, whose] = docker.length === 1 ? ["has", "its digest"] : ["have", "their digests"];
  return `${names} ${verb} Docker's own manifest, and an OCI layout does not hold one with ${whose}.`;
}
