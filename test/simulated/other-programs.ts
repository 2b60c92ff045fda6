/**
 * Programs of the simulated guest by which images and files come to it otherwise than through bootc: curl, skopeo, podman; and what
 * pins a deployment.
 * What an image is in a file or a folder is a text that names its digest.
 */
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { archiveText } from "./fixtures.ts";
import type { SimulatedSystem } from "./system.ts";
import type { SimulatedImage } from "./world.ts";

const podmanFolder = "/var/lib/containers/storage/";
const operands = (args: readonly string[]): string[] =>
  args.filter((word) => !word.startsWith("-"));

/** curl(1) `--output FILE URL`. */
export function curl({ args, files, system }: Call): Answer {
  if (args[0] === "--version") return ok("curl 8.20.0 (simulated)\n");
  const target = args[args.indexOf("--output") + 1] ?? "";
  const url = args.at(-1) ?? "";
  const content = system.world.fetch(url, system.forwards);
  if (content === undefined) return bad(7, `curl: (7) Failed to connect to ${url}`);
  if (content === null) return bad(22, "curl: (22) The requested URL returned error: 404");
  const refusal = files.write(target, content);
  return refusal === null ? ok() : bad(23, `curl: (23) ${target}: ${refusal}`);
}

/** skopeo(1) `copy docker://REFERENCE oci:FOLDER:TAG`. */
export function skopeo({ args, files, system }: Call): Answer {
  if (args[0] === "--version") return ok("skopeo version 1.22.0 (simulated)\n");
  const [verb, source = "", target = ""] = operands(args);
  const digest = system.world.resolve(source.replace(/^docker:\/\//, ""), system.forwards);
  const place = /^oci:(.+):([^:]+)$/.exec(target);
  if (verb !== "copy" || digest === null || place === null)
    return bad(1, `level=fatal msg="reading manifest of ${source}: manifest unknown"`);
  const refusal = files.write(`${place[1]}:${place[2]}`, archiveText(digest));
  return refusal === null ? ok() : bad(1, `level=fatal msg="${place[1]}: ${refusal}"`);
}

const boundFolder = "/var/lib/bootc-storage/";

/** Pulls what an image is bound to, before it is staged; the refusal, or null. */
export function bindImages(
  system: SimulatedSystem,
  { boundTo = [] }: SimulatedImage,
): Answer | null {
  // bootc-dev/bootc#2540.
  if (system.world.backend === "composefs") return null;
  for (const reference of boundTo) {
    const digest = system.world.resolve(reference, system.forwards);
    if (system.is("bound-ignored")) continue;
    if (digest === null && system.is("bound-untold"))
      return bad(1, "error: Upgrading: Staging: No space left on device (os error 28)");
    if (digest === null) return bad(1, notPulled(reference));
    system.files.set(`${boundFolder}${reference}`, archiveText(digest));
  }
  return null;
}

const notPulled = (reference: string): string =>
  [
    "error: Upgrading: Staging: Pulling bound images: Pulling bound images: Failed to pull image: Subprocess failed: exit status: 125",
    `Error: unable to copy from source docker://${reference}: initializing source docker://${reference}: manifest unknown`,
  ].join("\n");

/** podman(1): `pull`, `image inspect` for the digest, `rmi`. */
export function podman({ args, files, system }: Call): Answer {
  if (args[0] === "--version") return ok("podman version 5.8.0\n");
  const reference = operands(args).at(-1) ?? "";
  if (args.includes("exists"))
    return files.read(`${boundFolder}${reference}`) === null ? { ...ok(), exitCode: 1 } : ok();
  const place = `${podmanFolder}${reference}`;
  if (args[0] === "pull") {
    const digest = system.world.resolve(reference, system.forwards);
    if (digest === null) return bad(125, `Error: unable to copy from source docker://${reference}`);
    files.write(place, archiveText(digest));
    return ok(`${digest.slice(7)}\n`);
  }
  const digest = digestIn(files.read(place));
  if (digest === null) return bad(125, `Error: ${reference}: image not known`);
  if (args[0] === "rmi") {
    files.remove(place);
    return ok(`Untagged: ${reference}\n`);
  }
  return ok(`${digest}\n`);
}

const digestIn = (text: string | null): string | null =>
  /^oci-archive of (sha256:[0-9a-f]{64})\n$/.exec(text ?? "")?.[1] ?? null;

/** The digest that a reference stands for by its transport, or null where there is no such image. */
export function digestOf(
  { system, files }: Pick<Call, "system" | "files">,
  { transport, reference }: { readonly transport: string; readonly reference: string },
): string | null {
  if (transport === "registry") return system.world.resolve(reference, system.forwards);
  const place = transport === "containers-storage" ? `${podmanFolder}${reference}` : reference;
  return digestIn(files.read(place));
}

/** What ostree tells of layers: refs, and the manifest of a deployment's image. */
export function ostreeLayers(system: SimulatedSystem, args: readonly string[]): Answer | null {
  if (args[0] === "refs")
    return ok(
      [...system.layers]
        .map((digest) => `ostree/container/blob/sha256_3A_${digest.slice("sha256:".length)}\n`)
        .join(""),
    );
  if (args[0] !== "show") return null;
  const all = [...(system.staged === null ? [] : [system.staged]), ...system.deployments];
  const deployment = all.find(({ checksum }) => checksum === args.at(-1));
  if (deployment === undefined) return bad(1, `error: No such commit ${args.at(-1)}`);
  const layers = system.layersOf(deployment.image).map((digest) => ({ digest }));
  return ok(`'${JSON.stringify({ schemaVersion: 2, layers })}'\n`);
}

/** ostree-admin-pin(1). Places count the staged deployment, which cannot be pinned. */
export function pin(args: readonly string[], { staged, deployments }: Call["system"]): Answer {
  const place = Number(operands(args)[0]) - (staged === null ? 0 : 1);
  const deployment = deployments[place];
  if (deployment === undefined) return bad(1, "error: Cannot pin staged deployment");
  const wanted = !args.includes("--unpin") && !args.includes("-u");
  if (deployment.pinned === wanted)
    return bad(1, `error: Deployment ${place} is already ${wanted ? "pinned" : "unpinned"}`);
  deployment.pinned = wanted;
  return ok(`Deployment ${place} is now ${wanted ? "pinned" : "unpinned"}\n`);
}
