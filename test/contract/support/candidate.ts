// A candidate of a few random kilobytes as an OCI layout, in either family of media types.
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { asDigest } from "../../../harness/base/units.ts";
import type { Image } from "../../../images/image.ts";
import { type TarItem, tarOf } from "../../unit/support/layers.ts";
import { mediaTypes, sha } from "./image-maker.ts";

export { sha } from "./image-maker.ts";

/** A candidate of two layers of which one is large enough to be seen when it is sent twice. */
export async function makeCandidate(
  folder: string,
  family: keyof typeof mediaTypes = "oci",
  files: readonly TarItem[] = [],
): Promise<Image> {
  const types = mediaTypes[family];
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  const put = async (bytes: Buffer): Promise<{ digest: string; size: number }> => {
    await writeFile(join(folder, "blobs/sha256", sha(bytes).slice(7)), bytes);
    return { digest: sha(bytes), size: bytes.length };
  };
  const contents = [
    tarOf([{ name: "data", content: randomBytes(300_000) }, ...files]),
    tarOf([{ name: "more", content: randomBytes(10_240) }]),
  ];
  const layers = [];
  for (const content of contents)
    layers.push({ mediaType: types.layer, ...(await put(gzipSync(content))) });
  const config = await put(
    Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        created: "2026-03-01T10:00:00Z",
        config: { Labels: { "containers.bootc": "1" } },
        rootfs: { type: "layers", diff_ids: contents.map(sha) },
        history: contents.map(() => ({ created_by: "test" })),
      }),
    ),
  );
  const manifest = await put(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.manifest,
        config: { mediaType: types.config, ...config },
        layers,
      }),
    ),
  );
  const annotations = { "org.opencontainers.image.ref.name": "v1" };
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(folder, "index.json"),
    JSON.stringify({ manifests: [{ mediaType: types.manifest, ...manifest, annotations }] }),
  );
  return {
    name: "quay.io/you/os:pr-123",
    digest: asDigest(manifest.digest),
    manifest: asDigest(manifest.digest),
    architecture: "x86_64",
    disk: null,
    oci: { layout: folder, tag: "v1" },
    follows: "10.0.2.100:5000/os:stable",
    standIns: ["bootc"],
  };
}

/** The layout of an image that has one. */
export function layoutOf(image: Image): string {
  if (image.oci === null) throw new Error("The image has no layout.");
  return image.oci.layout;
}
