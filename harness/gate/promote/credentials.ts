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
  const keys = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  return host === "docker.io" ? [...keys, "https://index.docker.io/v1/", "index.docker.io"] : keys;
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
    for (const key of keysFor(host, repository)) {
      const auth = Object.hasOwn(auths, key) ? auths[key]?.auth : undefined;
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
