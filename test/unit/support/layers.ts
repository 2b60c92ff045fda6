/** Makes layers and images of them: tar archives by hand, so that they may be as wrong as a test wants. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type OciImageFacts, readOciImage } from "../../../images/origins/oci-layout.ts";

export interface TarItem {
  readonly name: string | Buffer;
  /** Type flag; default a file, or a directory for a name that ends in a slash. */
  readonly type?: string;
  readonly content?: Buffer | string;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly device?: readonly [number, number];
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** Said in the header in the place of the content's true length. */
  readonly size?: number;
}

/** A ustar archive; what does not fit into a header goes into PAX records. */
export function tarOf(items: readonly TarItem[]): Buffer {
  const parts = items.flatMap((item): Buffer[] => {
    const name = Buffer.from(item.name as string);
    const link = Buffer.from(item.link ?? "");
    const pax: Record<string, string | Buffer> = { ...item.pax };
    if (name.length > 100) pax.path = name;
    if (link.length > 100) pax.linkpath = link;
    const content = Buffer.from((item.content ?? "") as string);
    const before =
      Object.keys(pax).length === 0
        ? []
        : entry({ name: Buffer.from("pax"), type: "x", content: paxOf(pax) });
    const type = item.type ?? (name.at(-1) === 0x2f ? "5" : "0");
    return [...before, ...entry({ ...item, name, link, type, content })];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

interface RawItem extends Omit<TarItem, "name" | "link" | "content"> {
  readonly name: Buffer;
  readonly link?: Buffer;
  readonly content: Buffer;
}

function entry(item: RawItem): Buffer[] {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(`${value.toString(8).padStart(digits, "0")}\0`, at);
  item.name.copy(block, 0, 0, 100);
  octal(item.mode ?? (item.type === "5" ? 0o755 : 0o644), 100, 7);
  octal(item.uid ?? 0, 108, 7);
  octal(item.gid ?? 0, 116, 7);
  octal(item.size ?? item.content.length, 124, 11);
  octal(item.mtime ?? 0, 136, 11);
  block.write(item.type ?? "0", 156);
  item.link?.copy(block, 157, 0, 100);
  block.write("ustar\x0000", 257, "latin1");
  octal(item.device?.[0] ?? 0, 329, 7);
  octal(item.device?.[1] ?? 0, 337, 7);
  block.fill(0x20, 148, 156);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  return [block, item.content, Buffer.alloc((512 - (item.content.length % 512)) % 512)];
}

export function paxOf(records: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([
      Buffer.from(` ${key}=`),
      Buffer.from(value as string),
      Buffer.from("\n"),
    ]);
    let length = rest.length;
    while (length !== rest.length + String(length).length)
      length = rest.length + String(length).length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return Buffer.concat(parts);
}

export interface LayerFile {
  readonly blob: Buffer;
  /** The bytes that it unpacks to. */
  readonly plain: Buffer;
  readonly mediaType?: string;
}

export const gzipLayer = (items: readonly TarItem[]): LayerFile => {
  const plain = tarOf(items);
  return { plain, blob: gzipSync(plain) };
};

const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Writes an OCI layout with one image of these layers, under the tag `v1`. */
export async function imageOf(
  folder: string,
  layers: readonly LayerFile[],
): Promise<OciImageFacts> {
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const keep = async (mediaType: string, bytes: Buffer): Promise<object> => {
    const digest = digestOf(bytes);
    await writeFile(join(blobs, digest.slice(7)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const descriptors: object[] = [];
  for (const { blob, mediaType } of layers)
    descriptors.push(await keep(mediaType ?? "application/vnd.oci.image.layer.v1.tar+gzip", blob));
  const config = await keep(
    "application/vnd.oci.image.config.v1+json",
    json({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: layers.map(({ plain }) => digestOf(plain)) },
    }),
  );
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await keep(
    manifestType,
    json({ schemaVersion: 2, config, layers: descriptors }),
  );
  const annotations = { "org.opencontainers.image.ref.name": "v1" };
  await writeFile(join(folder, "index.json"), json({ manifests: [{ ...manifest, annotations }] }));
  await writeFile(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  return readOciImage(folder, "v1");
}
