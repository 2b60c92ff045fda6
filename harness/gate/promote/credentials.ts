/**
 * The user name and password that skopeo would use for a registry, from the same files in the same order
 * (containers-auth.json(5)), so that one `skopeo login` serves both. Credential helpers are programs that we do not run.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { homeFolder } from "../../base/user.ts";

const maxBytes = 1024 * 1024;
const authFile = z.object({
  auths: z.record(z.string(), z.object({ auth: z.string().optional() })).optional(),
});

type Environment = Readonly<Record<string, string | undefined>>;

function filesOf(env: Environment, named: string | undefined): readonly string[] {
  if (named !== undefined) return [named];
  if (env.REGISTRY_AUTH_FILE) return [env.REGISTRY_AUTH_FILE];
  const runtime = env.XDG_RUNTIME_DIR;
  const below = (folder: string): string | null => {
    const home = homeFolder();
    return home === null ? null : join(home, folder);
  };
  const config = env.XDG_CONFIG_HOME || below(".config");
  const docker = env.DOCKER_CONFIG || below(".docker");
  return [
    ...(runtime ? [join(runtime, "containers/auth.json")] : []),
    ...(config === null ? [] : [join(config, "containers/auth.json")]),
    ...(docker === null ? [] : [join(docker, "config.json")]),
  ];
}

/** The most specific entry first: `host/a/b`, `host/a`, `host`. */
function keysFor(host: string, repository: string): readonly string[] {
  const parts = [host, ...repository.split("/")];
  return parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
}

/**
 * The host that a key means where it is not one as `keysFor` has it: an address, as docker wrote them, stands for its whole
 * host, and Docker Hub has several names (containers/image, pkg/docker/config: normalizeAuthFileKey, normalizeRegistry).
 */
function hostOfKey(key: string): string {
  const [, address] = /^https?:\/\/([^/]*)/.exec(key) ?? [];
  const host = address ?? key;
  return ["docker.io", "registry-1.docker.io"].includes(host) ? "index.docker.io" : host;
}

/**
 * `user:password` in base64, as HTTP's Basic scheme wants it, or null. A file that cannot be read is passed over. Where a
 * person names one, no other is looked at.
 */
export async function findCredentials(
  host: string,
  repository: string,
  {
    env = process.env,
    file: named,
  }: { readonly env?: Environment; readonly file?: string | undefined } = {},
): Promise<string | null> {
  for (const file of filesOf(env, named)) {
    const auths = await readAuths(file);
    const exact = keysFor(host, repository).filter((key) => Object.hasOwn(auths, key));
    const alike = Object.keys(auths).filter((key) => hostOfKey(key) === hostOfKey(host));
    for (const key of [...exact, ...alike]) {
      const auth = auths[key]?.auth;
      if (auth !== undefined && /^[A-Za-z0-9+/]+=*$/.test(auth)) return auth;
    }
  }
  return null;
}

async function readAuths(file: string): Promise<Record<string, { auth?: string | undefined }>> {
  try {
    const facts = await stat(file);
    if (!facts.isFile() || facts.size > maxBytes) return {};
    return authFile.parse(JSON.parse(await readFile(file, "utf8"))).auths ?? {};
  } catch {
    return {};
  }
}
