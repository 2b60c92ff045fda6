/**
 * The certificates for one registry, from the folder that a person names or the one in which containers' tools keep them
 * (containers-certs.d(5)): `*.crt` are authorities, `NAME.cert` with `NAME.key` is ours. skopeo reads the same.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, messageOf } from "../../base/errors.ts";
import { homeFolder } from "../../base/user.ts";

export interface Trust {
  /** Authorities besides the system's, in PEM. */
  readonly authorities: readonly string[];
  /** What we are known by; null: nothing. */
  readonly client: { readonly certificate: string; readonly key: string } | null;
}

/** The first that is there counts (containers/image, docker/docker_client.go). */
function usualFolders(host: string): readonly string[] {
  const home = homeFolder();
  return [
    ...(home === null ? [] : [join(home, ".config/containers/certs.d", host)]),
    join("/etc/containers/certs.d", host),
    join("/etc/docker/certs.d", host),
  ];
}

/** What is known of a registry; null where nothing is. Throws HostUnfit for a folder that cannot be read. */
export async function findTrust(host: string, certDir: string | undefined): Promise<Trust | null> {
  for (const folder of certDir === undefined ? usualFolders(host) : [certDir]) {
    const names = await readdir(folder).catch((error: unknown) => {
      if (certDir === undefined) return null;
      throw unreadable(folder, error);
    });
    if (names !== null) return await readFolder(folder, names);
  }
  return null;
}

async function readFolder(folder: string, names: readonly string[]): Promise<Trust | null> {
  const read = (name: string): Promise<string> =>
    readFile(join(folder, name), "utf8").catch((error: unknown) => {
      throw unreadable(join(folder, name), error);
    });
  const ours = names.find(
    (name) => name.endsWith(".cert") && names.includes(name.replace(/\.cert$/, ".key")),
  );
  const authorities = await Promise.all(names.filter((name) => name.endsWith(".crt")).map(read));
  if (ours === undefined && authorities.length === 0) return null;
  const client =
    ours === undefined
      ? null
      : { certificate: await read(ours), key: await read(ours.replace(/\.cert$/, ".key")) };
  return { authorities, client };
}

const unreadable = (path: string, error: unknown): HostUnfit =>
  new HostUnfit(`The certificates in '${path}' cannot be read: ${messageOf(error)}.`);
