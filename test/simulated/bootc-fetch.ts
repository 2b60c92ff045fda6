/** The simulated bootc that cannot have an image. */
import { type Answer, bad } from "./answer.ts";
import type { SimulatedSystem } from "./system.ts";

/** Why a manifest could not be had, in the chain of contexts of the backend. */
export function notFetched(
  system: SimulatedSystem,
  context: "Upgrading" | "Switching",
  reference: string,
): Answer {
  const slash = reference.indexOf("/");
  const registry = reference.slice(0, slash);
  const [name = "", tag = "latest"] = reference.slice(slash + 1).split(":");
  const why = system.is("policy-rejects")
    ? `Source image rejected: Running image docker://${reference} is rejected by policy.`
    : system.world.reaches(reference, system.forwards)
      ? `reading manifest ${tag} in ${registry}/${name}: manifest unknown`
      : `pinging container registry ${registry}: Get "https://${registry}/v2/": dial tcp ${registry}: connect: connection refused`;
  const invoked = `failed to invoke method OpenImage: ${why}`;
  if (system.world.backend === "composefs") {
    const opening = `Getting container info: Opening image docker://${reference}`;
    return context === "Switching"
      ? bad(
          1,
          `error: Switching: Composefs Switching: Checking if image ${reference} is pulled: ${opening}: ${invoked}`,
        )
      : bad(1, `error: Upgrading composefs: ${opening}: ${invoked}`);
  }
  const chain = context === "Switching" ? "Switching: Switching (ostree)" : "Upgrading";
  return bad(1, `error: ${chain}: Preparing import: Fetching manifest: ${invoked}`);
}

/** How the library of containers refuses Docker's manifest in an OCI layout (podman-container-tools/skopeo#2577). */
export function unreadable(system: SimulatedSystem, transport: string, place: string): Answer {
  const chain = system.world.backend === "composefs" ? "Composefs Switching" : "Switching (ostree)";
  const tag = place.slice(place.lastIndexOf(":") + 1);
  const types = '["application/vnd.docker.distribution.manifest.v2+json"]';
  return bad(
    1,
    `error: Switching: ${chain}: failed to invoke method OpenImage: initializing source ${transport}:${place}: reference "${tag}" matches unsupported manifest MIME types ${types}`,
  );
}
