/**
 * An image as its own installer finds it, `bootc install --source-imgref`: its layers to the byte, as an OCI layout, or as
 * a `dir:` folder for a manifest of Docker's, which the `oci` transport would convert (containers-transports(5)).
 */
import { mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import {
  blobPath,
  dockerManifest,
  type OciImageFacts,
} from "../../../images/origins/oci-layout.ts";
import type { RootExtra } from "../../../images/rootfs/extras.ts";

/** Where things of the harness stand in a root from which an image is installed. */
export const sourceFolder = "/.bootgate";
const imageFolder = `${sourceFolder}/image`;

const isDocker = ({ mediaType }: OciImageFacts): boolean => mediaType === dockerManifest;

const sourceAt = (image: OciImageFacts, folder: string): string =>
  isDocker(image) ? `dir:${folder}` : `oci:${folder}:image`;

/** What `--source-imgref` is told. */
export const helperSource = (image: OciImageFacts): string => sourceAt(image, imageFolder);

/** The image as files in a root. */
export const sourceExtras = (image: OciImageFacts): RootExtra[] =>
  isDocker(image) ? dockerImage(image) : ociImage(image);

const document = (path: string, data: unknown): RootExtra => ({
  path,
  mode: 0o644,
  content: Buffer.from(JSON.stringify(data)),
});

/** A folder in a root. */
export const place = (path: string): RootExtra => ({
  path,
  mode: 0o755,
  content: { directory: true },
});

function ociImage(image: OciImageFacts): RootExtra[] {
  const { digest, mediaType, manifest, config, layers } = image;
  const descriptor = {
    mediaType,
    digest,
    size: manifest.byteLength,
    annotations: { "org.opencontainers.image.ref.name": "image" },
  };
  const blobs = [...new Set([digest, config.digest, ...layers.map((layer) => layer.digest)])];
  return [
    ...["", "/blobs", "/blobs/sha256"].map((path) => place(`${imageFolder}${path}`)),
    document(`${imageFolder}/oci-layout`, { imageLayoutVersion: "1.0.0" }),
    document(`${imageFolder}/index.json`, { schemaVersion: 2, manifests: [descriptor] }),
    ...blobs.map((blob) => ({
      path: `${imageFolder}/blobs/sha256/${blob.slice("sha256:".length)}`,
      mode: 0o644,
      content: { file: blobPath(image.layout, blob) },
    })),
  ];
}

/** The `oci` transport takes manifests of OCI only; `dir` keeps one of Docker as it is (containers-transports(5)). */
function dockerImage(image: OciImageFacts): RootExtra[] {
  const { manifest, config, layers } = image;
  const blobs = [...new Set([config.digest, ...layers.map((layer) => layer.digest)])];
  return [
    place(imageFolder),
    {
      path: `${imageFolder}/version`,
      mode: 0o644,
      content: Buffer.from("Directory Transport Version: 1.1\n"),
    },
    { path: `${imageFolder}/manifest.json`, mode: 0o644, content: manifest },
    ...blobs.map((blob) => ({
      path: `${imageFolder}/${blob.slice("sha256:".length)}`,
      mode: 0o644,
      content: { file: blobPath(image.layout, blob) },
    })),
  ];
}

/** The image as files on the host, whose blobs are links, so that nothing is copied. */
export interface HostSource {
  /** As skopeo names it on the host. */
  readonly reference: string;
  /** Folders of the host that its bytes are in. */
  readonly places: readonly string[];
  /** Folders of the host and where a container has to find them, each read-only. */
  readonly volumes: readonly (readonly [from: string, to: string])[];
}

/**
 * Writes the image's documents below `folder`, which does not exist yet, and links its blobs. A blob may be a link itself,
 * as a derived image's are: what is linked is where its bytes are.
 */
export async function writeSource(image: OciImageFacts, folder: string): Promise<HostSource> {
  await mkdir(folder, { recursive: true });
  const places: string[] = [];
  /** The same relative link leads to the blobs here and where all is mounted. */
  const linked = async (blobs: string): Promise<string> => {
    const known = places.indexOf(blobs);
    const number = known < 0 ? places.push(blobs) - 1 : known;
    const link = join(folder, `blobs-${number}`);
    if (known < 0) await symlink(blobs, link);
    return link;
  };
  for (const { path, content } of sourceExtras(image)) {
    const target = join(folder, relative(sourceFolder, path));
    if (content instanceof Uint8Array) await writeFile(target, content);
    else if ("directory" in content) await mkdir(target, { mode: 0o755 });
    else if ("file" in content) {
      const real = await realpath(content.file);
      const up = relative(dirname(target), await linked(dirname(real)));
      await symlink(join(up, basename(real)), target);
    }
  }
  const files = join(folder, basename(imageFolder));
  return {
    reference: sourceAt(image, files),
    places,
    volumes: [
      [files, imageFolder],
      ...places.map((blobs, number): [string, string] => [
        blobs,
        `${sourceFolder}/blobs-${number}`,
      ]),
    ],
  };
}
