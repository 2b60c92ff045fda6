/** An OCI image that was named by its path alone, as if it were a disk: it is told apart, and how to name it is said. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UsageError } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { readMembers } from "./archive-index.ts";

/** Throws UsageError where the file or folder is an OCI image in one of its forms. */
export async function refuseOciImage(name: string, cwd: string): Promise<void> {
  const path = resolve(cwd, name);
  const facts = await stat(path).catch(() => null);
  if (facts === null) return;
  const found = facts.isDirectory()
    ? await formOfFolder(path)
    : facts.isFile()
      ? await formOfFile(path)
      : null;
  if (found === null) return;
  throw new UsageError(`'${name}' is not a disk but ${found.words}.`, {
    details: { "to do": `name it with its transport: ${found.transport}:${name}` },
  });
}

interface Form {
  readonly words: string;
  readonly transport: string;
}

/** A layout is told by its marker (image-spec, image-layout.md), a `dir:` by skopeo's own (containers-transports(5)). */
async function formOfFolder(path: string): Promise<Form | null> {
  const has = (file: string): Promise<boolean> => exists(join(path, file));
  if (await has("oci-layout")) return { words: "an OCI layout", transport: "oci" };
  if ((await has("version")) && (await has("manifest.json")))
    return { words: "an image as skopeo writes it into a folder", transport: "dir" };
  return null;
}

/** `docker save` writes both from Docker 25 on; the layout keeps the digests. */
async function formOfFile(path: string): Promise<Form | null> {
  const members = await readMembers(path).catch(() => null);
  if (members?.has("oci-layout") === true && members.has("index.json"))
    return { words: "an archive of an OCI layout", transport: "oci-archive" };
  if (members?.has("manifest.json") === true)
    return { words: "an archive of docker's or podman's", transport: "docker-archive" };
  return null;
}
