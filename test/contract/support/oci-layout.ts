// A small OCI image layout that is whole: one image of one layer.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface Made {
  readonly layout: string;
  readonly files: Readonly<Record<"manifest" | "config" | "layer" | "index", string>>;
  readonly digest: string;
}

/** A layout with one tag, `v1`, for the architecture. */
export async function makeLayout(
  layout: string,
  architecture = "amd64",
  content = "a layer",
): Promise<Made> {
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  const put = async (text: string): Promise<{ digest: string; size: number; path: string }> => {
    const hex = createHash("sha256").update(text).digest("hex");
    const path = join(layout, "blobs/sha256", hex);
    await writeFile(path, text);
    return { digest: `sha256:${hex}`, size: text.length, path };
  };
  const layer = await put(content);
  const labels = { "containers.bootc": "1" };
  const config = await put(
    JSON.stringify({ architecture, os: "linux", config: { Labels: labels } }),
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await put(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
    }),
  );
  const annotations = { "org.opencontainers.image.ref.name": "v1" };
  const index = join(layout, "index.json");
  const { digest, size } = manifest;
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(index, JSON.stringify({ manifests: [{ mediaType, digest, size, annotations }] }));
  const files = { manifest: manifest.path, config: config.path, layer: layer.path, index };
  return { layout, files, digest };
}
