/** The simulated bootc that cannot have an image. */
import { type Answer, bad, type Call } from "./answer.ts";
import { leaveBehind, refusedByPolicy, refusedEnforcement } from "./image-policy.ts";
import { digestOf } from "./other-programs.ts";
import type { SimulatedSystem } from "./system.ts";

/** Why a manifest could not be had, in the chain of contexts of the backend. */
function notFetched(
  system: SimulatedSystem,
  context: "Upgrading" | "Switching",
  reference: string,
  refusal: string | null,
): Answer {
  const slash = reference.indexOf("/");
  const registry = reference.slice(0, slash);
  const [name = "", tag = "latest"] = reference.slice(slash + 1).split(":");
  const why =
    refusal ??
    (system.world.reaches(reference, system.forwards)
      ? `reading manifest ${tag} in ${registry}/${name}: manifest unknown`
      : `pinging container registry ${registry}: Get "https://${registry}/v2/": dial tcp ${registry}: connect: connection refused`);
  const invoked = why.startsWith("containers-policy.json")
    ? why
    : `failed to invoke method OpenImage: ${why}`;
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

/** What is pulled. */
export interface Source {
  readonly reference: string;
  readonly transport: string;
  /** Only as a policy whose default takes nothing lets it be taken. */
  readonly enforced: boolean;
}

/** The digest of what is there to be pulled, or how bootc ends where there is nothing, or nothing that may be taken. */
export function fetchImage(
  call: Pick<Call, "system" | "files">,
  { reference, transport, enforced }: Source,
  context: "Upgrading" | "Switching",
): string | Answer {
  const { system } = call;
  const denied = enforced ? refusedEnforcement(call) : null;
  if (denied !== null) return notFetched(system, context, reference, denied);
  const digest = digestOf(call, { reference, transport });
  if (digest === null) return notFetched(system, context, reference, null);
  const refusal = transport === "registry" ? refusedByPolicy(call, reference, digest) : null;
  if (refusal === null) return digest;
  leaveBehind(system, digest);
  return notFetched(system, context, reference, refusal);
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
