/** The files of one image in the store: an OCI layout that shares its blobs, and what the store remembers of it. */
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { asDigest } from "../../harness/base/units.ts";
import { writeWhole } from "../../harness/base/write-whole.ts";
import type { Manifest } from "./platform.ts";

/** The tag of each image in its layout of the store. */
export const storedTag = "image";

const maxNames = 20;
const aboutSchema = z.object({
  names: z.array(z.string()),
  blobs: z.array(z.object({ digest: z.string().transform(asDigest), size: z.number() })),
  addedAt: z.number(),
  usedAt: z.number(),
});
/** Names under which an image was asked for, its blobs (the manifest is one), and milliseconds since 1970. */
export type About = z.output<typeof aboutSchema>;

/** What the store remembers of an image; null where that cannot be read: it is not an image of the store then. */
export async function readAbout(layout: string): Promise<About | null> {
  try {
    return aboutSchema.parse(JSON.parse(await readFile(join(layout, "about.json"), "utf8")));
  } catch {
    return null;
  }
}

/** Notes a use under a name. */
export async function noteUse(layout: string, about: About, name: string | null): Promise<void> {
  const names = name === null ? about.names : [name, ...about.names.filter((one) => one !== name)];
  const now: About = { ...about, names: names.slice(0, maxNames), usedAt: Date.now() };
  await writeWhole(join(layout, "about.json"), JSON.stringify(now));
}

/** Fills an empty folder that is as deep in the store as the finished one: the link to the blobs is relative. */
export async function writeLayout(folder: string, manifest: Manifest): Promise<void> {
  const { digest, mediaType, bytes, config, layers } = manifest;
  const size = bytes.length;
  const annotations = { "org.opencontainers.image.ref.name": storedTag };
  const all = [{ digest, size }, config, ...layers];
  const blobs = new Map(all.map((one) => [one.digest, { digest: one.digest, size: one.size }]));
  const now = Date.now();
  const about: About = { names: [], blobs: [...blobs.values()], addedAt: now, usedAt: now };
  const write = (file: string, data: unknown): Promise<void> =>
    writeFile(join(folder, file), JSON.stringify(data));
  await symlink("../../blobs", join(folder, "blobs"));
  await write("oci-layout", { imageLayoutVersion: "1.0.0" });
  await write("about.json", about);
  await write("index.json", {
    schemaVersion: 2,
    manifests: [{ mediaType, digest, size, annotations }],
  });
}
