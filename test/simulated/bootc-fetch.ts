/** The simulated bootc that cannot have an image. */
import type { NetworkFault } from "../../harness/engine/scenario.ts";
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { leaveBehind, refusedByPolicy, refusedEnforcement } from "./image-policy.ts";
import { digestOf } from "./other-programs.ts";
import type { SimulatedSystem } from "./system.ts";
import type { SimulatedImage } from "./world.ts";

type Context = "Upgrading" | "Switching";

/** Why a manifest could not be had, in the chain of contexts of the backend. */
function notFetched(
  system: SimulatedSystem,
  context: Context,
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
  const isOfProxy = why.startsWith("containers-policy.json");
  return notOpened(system, context, reference, isOfProxy ? why : invoking(`OpenImage: ${why}`));
}

const invoking = (said: string): string => `failed to invoke method ${said}`;

/** `invoked`: what the library of containers said, or why it could not be asked. */
function notOpened(
  { world }: SimulatedSystem,
  context: Context,
  reference: string,
  invoked: string,
): Answer {
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
  context: Context,
): string | Answer {
  const { system } = call;
  const denied = enforced ? refusedEnforcement(call) : null;
  if (denied !== null) return notFetched(system, context, reference, denied);
  const first =
    transport === "registry" ? system.world.firstOfIndex(reference, system.forwards) : null;
  const own = digestOf(call, { reference, transport });
  const digest = system.is("index-first") ? (first ?? own) : own;
  if (digest === null) return nothingThere(system, context, reference, first !== null);
  const refusal = transport === "registry" ? refusedByPolicy(call, reference, digest) : null;
  if (refusal === null) return digest;
  leaveBehind(system, digest);
  return notFetched(system, context, reference, refusal);
}

/** A name that stands for nothing, or for an index without an image for this machine (containers/image, `manifest/oci_index.go`). */
function nothingThere(
  system: SimulatedSystem,
  context: Context,
  reference: string,
  isIndex: boolean,
): Answer {
  const { rollback } = system;
  if (system.is("gone-drops-rollback"))
    system.deployments = system.deployments.filter((one) => one !== rollback);
  if (!isIndex) return failed(system, notFetched(system, context, reference, null));
  const lacks = 'no image found in image index for architecture amd64, variant "", OS linux';
  const said = system.is("architecture-unsaid") ? "manifest unknown" : lacks;
  return failed(system, notOpened(system, context, reference, invoking(`GetManifest: ${said}`)));
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
    return notOpened(system, context, reference, invoking("OpenImage: another pull is going on"));
  const fault = trouble?.now ?? null;
  if (trouble === undefined || fault === null) return null;
  const noManifest = whyNoManifest(fault, reference);
  if (noManifest !== null) {
    trouble.met++;
    return failed(system, notOpened(system, context, reference, invoking(noManifest)));
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
