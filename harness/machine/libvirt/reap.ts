/**
 * Domains that a killed bootgate left behind. A domain's name and metadata say which process it belongs to, by the label
 * whose lock that process holds (`base/owner.ts`); only those of this cache and this host are looked at, since no other label can be
 * looked up here. The URIs that were used are remembered, so that `clean` knows where to look.
 */
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { XMLParser } from "fast-xml-parser";
import { z } from "zod";
import { messageOf } from "../../base/errors.ts";
import { isOwnerAlive } from "../../base/workspace.ts";
import { writeWhole } from "../../base/write-whole.ts";
import { metadataNamespace } from "./domain-xml.ts";
import { undefineWords, Virsh } from "./virsh.ts";

/** How long a daemon may take to tell its domains before `clean` goes on without it. Milliseconds. */
const askMs = 20_000;

const names = /^bootgate-\d{1,10}-\d{1,16}-[A-Za-z0-9-]{1,63}$/;
const run = z.object({ run: z.object({ owner: z.string(), cache: z.string(), host: z.string() }) });

/** Whose a domain is, by what the harness wrote into it (`virsh metadata`); null for anything else. Pure. */
export function ownerOf(metadata: string): z.output<typeof run>["run"] | null {
  try {
    const parser = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: "",
      removeNSPrefix: true,
      parseAttributeValue: false,
    });
    return run.parse(parser.parse(metadata)).run;
  } catch {
    return null;
  }
}

export interface ReapedDomains {
  /** Names. */
  readonly removed: readonly string[];
  /** What libvirt would not let go of, and its words: whole sentences. It keeps nobody from other domains. */
  readonly stuck: readonly string[];
}

/** Removes the domains at a URI whose process has ended. Throws what libvirt's words stand for where it tells nothing of its domains. */
export async function reapDomains(
  virsh: Virsh,
  cacheDir: string,
  signal: AbortSignal,
): Promise<ReapedDomains> {
  const listed = (await virsh.run(["list", "--all", "--name"], signal)).split("\n");
  const removed: string[] = [];
  const stuck: string[] = [];
  for (const name of listed.map((line) => line.trim()).filter((line) => names.test(line))) {
    const metadata = await virsh.attempt(["metadata", name, metadataNamespace], signal);
    const owner = metadata.exitCode === 0 ? ownerOf(metadata.stdout) : null;
    const isOurs = owner?.cache === cacheDir && owner.host === hostname();
    if (owner === null || !isOurs || isOwnerAlive(owner.owner, cacheDir)) continue;
    // One that is off already is fine, and so is one that another bootgate has just removed.
    await virsh.attempt(["destroy", name], signal);
    const output = await virsh.attempt(["undefine", ...undefineWords, name], signal);
    if (output.exitCode === 0) removed.push(name);
    else if (!/failed to get domain/.test(output.stderr))
      stuck.push(
        `could not remove the domain ${name} of a killed run: ${virsh.fault(["undefine"], output.stderr).details.said ?? "no reason was given"}`,
      );
  }
  return { removed, stuck };
}

const file = (cacheDir: string): string => join(cacheDir, "libvirt-uris.json");
const known = z.array(z.string().max(500)).max(100);

const usedUris = (cacheDir: string): Promise<string[]> =>
  readFile(file(cacheDir), "utf8")
    .then((text) => known.parse(JSON.parse(text)))
    .catch(() => []);

/** Remembers that domains of this cache may be found at a URI. */
export async function rememberUri(cacheDir: string, uri: string): Promise<void> {
  const uris = await usedUris(cacheDir);
  if (uris.includes(uri)) return;
  const all = [...uris, uri].slice(-100);
  await writeWhole(file(cacheDir), `${JSON.stringify(all, null, 2)}\n`);
}

export interface Reaped {
  /** `domain NAME at URI`. */
  readonly removed: readonly string[];
  /** Where nobody could look, and what could not be removed, each with the reason: whole sentences. */
  readonly unseen: readonly string[];
}

/** Removes what killed runs left at every URI that this cache has used. Never throws for a daemon that is away. */
export async function reapEverywhere(cacheDir: string, binary?: string): Promise<Reaped> {
  const removed: string[] = [];
  const unseen: string[] = [];
  for (const uri of await usedUris(cacheDir)) {
    try {
      const gone = await reapDomains(new Virsh(uri, binary), cacheDir, AbortSignal.timeout(askMs));
      removed.push(...gone.removed.map((name) => `domain ${name} at ${uri}`));
      unseen.push(...gone.stuck);
    } catch (error) {
      unseen.push(
        `could not look for domains at '${uri}': ${messageOf(error).split("\n")[0] ?? ""}`,
      );
    }
  }
  return { removed, unseen };
}
