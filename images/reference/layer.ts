/** Packs folders into OCI layers that come out the same every time, and writes image layouts. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { link, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { execa } from "execa";
import { HostUnfit } from "../../harness/base/errors.ts";
import { imageIndex, type JsonBlob, type LayerBlob } from "./oci-layout.ts";
import { asRoot } from "./privileged.ts";

/** A stream that lets everything through and knows its sha256. */
function hashing(): { readonly stream: Transform; readonly digest: () => string } {
  const hash = createHash("sha256");
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { stream, digest: () => `sha256:${hash.digest("hex")}` };
}

/** Packs `members` of a folder, as root since not all of a system's files are readable. Owners become root. */
export async function packLayer(
  options: {
    readonly folder: string;
    readonly members: readonly string[];
    readonly exclude?: readonly string[];
    readonly target: string;
    readonly keepOwners?: boolean;
  },
  signal: AbortSignal,
): Promise<LayerBlob> {
  const owners = options.keepOwners === true ? [] : ["--owner=0", "--group=0"];
  const [file, args] = await asRoot("tar", [
    "--create",
    "--sort=name",
    "--mtime=@0",
    "--numeric-owner",
    ...owners,
    "--format=posix",
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
    "--anchored",
    ...(options.exclude ?? []).map((pattern) => `--exclude=${pattern}`),
    `--directory=${options.folder}`,
    "--",
    ...options.members,
  ]);
  const child = execa(file, args, {
    buffer: false,
    reject: false,
    stdin: "ignore",
    cancelSignal: signal,
    killSignal: "SIGKILL",
  });
  const tar = hashing();
  const packed = hashing();
  await pipeline(
    child.stdout,
    tar.stream,
    createGzip({ level: 1 }),
    packed.stream,
    createWriteStream(options.target),
    { signal },
  );
  const { exitCode } = await child;
  if (exitCode !== 0)
    throw new HostUnfit(`Packing '${options.folder}' ended with exit code ${exitCode}.`);
  const { size } = await stat(options.target);
  return { digest: packed.digest(), diffId: tar.digest(), size, path: options.target };
}

/** An image of a layout, ready to be written. */
export interface LayoutImage {
  readonly config: JsonBlob;
  readonly manifest: JsonBlob;
  readonly layers: readonly LayerBlob[];
}

const blobPath = (layout: string, digest: string): string =>
  join(layout, "blobs", "sha256", digest.replace("sha256:", ""));

/** Writes an OCI image layout; layer files are hard-linked into it. `architecture` is OCI's name of it. */
export async function writeLayout(
  layout: string,
  images: ReadonlyMap<string, LayoutImage>,
  architecture: string,
): Promise<void> {
  await mkdir(join(layout, "blobs", "sha256"), { recursive: true });
  for (const { config, manifest, layers } of images.values()) {
    for (const blob of [config, manifest])
      await writeFile(blobPath(layout, blob.digest), blob.text);
    for (const layer of layers) {
      await link(layer.path, blobPath(layout, layer.digest)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      });
    }
  }
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const manifests = new Map([...images].map(([tag, image]) => [tag, image.manifest]));
  await writeFile(join(layout, "index.json"), imageIndex(manifests, architecture));
}
