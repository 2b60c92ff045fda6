/** The simulated bootc that cannot have an image. */

import type { NetworkFault } from "../../harness/engine/scenario.ts";
import { type Answer, bad, ok } from "./answer.ts";
import type { SimulatedSystem } from "./system.ts";
import type { SimulatedImage } from "./world.ts";

/** Why a manifest could not be had, in the chain of contexts of the backend. */
export function notFetched(system: SimulatedSystem, context: Context, reference: string): Answer {
  const slash = reference.indexOf("/");
  const registry = reference.slice(0, slash);
  const [name = "", tag = "latest"] = reference.slice(slash + 1).split(":");
  const why = system.is("policy-rejects")
    ? `Source image rejected: Running image docker://${reference} is rejected by policy.`
    : system.world.reaches(reference, system.forwards)
      ? `reading manifest ${tag} in ${registry}/${name}: manifest unknown`
      : `pinging container registry ${registry}: Get "https://${registry}/v2/": dial tcp ${registry}: connect: connection refused`;
  return notOpened(system, context, reference, `OpenImage: ${why}`);
}

type Context = "Upgrading" | "Switching";

function notOpened(
  { world }: SimulatedSystem,
  context: Context,
  reference: string,
  asked: string,
): Answer {
  const invoked = `failed to invoke method ${asked}`;
  if (world.backend === "composefs") {
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

/** What skopeo says of a manifest where a registry answers so (seen with 1.9.3). */
const answered = {
  401: "unauthorized",
  404: "manifest unknown",
  429: "toomanyrequests",
  500: "received unexpected HTTP status: 500 Internal Server Error",
} as const;

function whyNoManifest(fault: NetworkFault, reference: string): string | null {
  const slash = reference.indexOf("/");
  const registry = reference.slice(0, slash);
  const [name = "", tag = "latest"] = reference.slice(slash + 1).split(":");
  if (fault.kind === "down")
    return `OpenImage: pinging container registry ${registry}: Get "http://${registry}/v2/": EOF`;
  if (fault.kind === "status" && fault.of !== "layers")
    return `OpenImage: reading manifest ${tag} in ${registry}/${name}: ${answered[fault.status]}`;
  return fault.kind === "half-manifest" ? "GetManifest: unexpected end of JSON input" : null;
}

function whyNoLayer(fault: NetworkFault, layer: string): string | null {
  if (fault.kind === "status" && fault.of === "layers")
    return `failed to invoke method GetBlob: Error fetching blob: invalid status code from registry ${fault.status}`;
  if (fault.kind === "cut") return "failed to invoke method FinishPipe: unexpected EOF";
  if (fault.kind === "wrong-byte")
    return `failed to invoke method FinishPipe: corrupted blob, expecting ${layer}`;
  return null;
}

/** How a pull ends on which something goes wrong; null where all is well, or it is got over. */
export function spoiledPull(
  system: SimulatedSystem,
  context: Context,
  reference: string,
  image: SimulatedImage,
): Answer | null {
  const trouble = system.world.troubleAt(reference, system.forwards);
  if (system.is("pull-stuck") && system.hasFailedPull)
    return notOpened(system, context, reference, "OpenImage: another pull is going on");
  const fault = trouble?.now ?? null;
  if (trouble === undefined || fault === null) return null;
  const noManifest = whyNoManifest(fault, reference);
  if (noManifest !== null) {
    trouble.met++;
    return failed(system, notOpened(system, context, reference, noManifest));
  }
  const layer = system.layersOf(image).at(-1) ?? "";
  const noLayer = system.layers.has(layer) ? null : whyNoLayer(fault, layer);
  if (noLayer === null) return null;
  trouble.met++;
  // containers/image asks for the rest of it once (`body_reader.go`).
  if (fault.kind === "cut" && trouble.now === null && !system.is("half-pull-staged")) return null;
  trouble.spoiled.add(layer);
  if (system.is("half-pull-kept")) system.layers.add(layer);
  if (system.is("half-pull-staged")) system.staged = system.deploy(image, reference);
  const chain = { Upgrading: "Upgrading", Switching: "Switching: Switching (ostree)" }[context];
  const start = system.world.backend === "composefs" ? `${context} composefs` : chain;
  return failed(
    system,
    bad(1, `error: ${start}: Pulling: Importing: Parsing layer blob ${layer}: ${noLayer}`),
  );
}

function failed(system: SimulatedSystem, answer: Answer): Answer {
  system.hasFailedPull = true;
  if (system.is("trouble-drops-staged")) system.staged = null;
  if (system.is("trouble-swallowed")) return ok("No update available.\n");
  return system.is("trouble-unsaid") ? { ...answer, stderr: "" } : answer;
}
