/**
 * The checksum that a disk file has to have, from what a person gave: the checksum itself, or a file that lists it (at
 * hand or behind HTTPS), whose signature is verified where a keyring is named.
 */
import { resolve } from "node:path";
import { UsageError } from "../../harness/base/errors.ts";
import { decodeText, readSmallFile } from "../../harness/config/read-small-file.ts";
import { isClearSigned, listedChecksums, signedText } from "./checksum-file.ts";
import {
  PassingTrouble,
  parseUrl,
  persist,
  type RemoteOptions,
  request,
  shown,
} from "./https-request.ts";
import { verifiedText } from "./signature.ts";

export interface ChecksumWish {
  /** `sha256:…`, a file, or the URL of a file. */
  readonly checksum: string;
  /** File with the keys that may have signed the list. */
  readonly keyring?: string;
  readonly cwd: string;
}

export interface KnownChecksum {
  /** 64 hex digits in small letters. */
  readonly sha256: string;
  /** What is to be known about where it comes from, in whole sentences. */
  readonly notes: readonly string[];
}

const what = "list of checksums";
const maxBytes = 1024 * 1024;

/** The checksum of the file called `name`. Throws UsageError where none is listed, or the signature is not good. */
export async function checksumOf(
  name: string,
  { checksum, keyring, cwd }: ChecksumWish,
  remote: RemoteOptions,
): Promise<KnownChecksum> {
  const plain = /^sha256:([0-9a-fA-F]{64})$/.exec(checksum)?.[1];
  if (plain !== undefined) {
    if (keyring === undefined) return { sha256: plain.toLowerCase(), notes: [] };
    throw new UsageError("A keyring is named, but the checksum was given and not a signed list.", {
      details: { "to do": "name the signed CHECKSUM file instead, or leave --keyring out" },
    });
  }
  if (/^(?:sha|md)\d+:/i.test(checksum)) {
    throw new UsageError(
      `'${checksum.slice(0, 150)}' is not a checksum; expected sha256: and 64 hex digits.`,
    );
  }
  const isRemote = /^https?:/i.test(checksum);
  const list = isRemote
    ? await fetchList(remoteUrl(checksum), remote)
    : await readList(checksum, cwd);
  const path = keyring === undefined ? undefined : resolve(cwd, keyring);
  const { text, notes } = await trustedText(list, path, remote.signal);
  const listed = listedChecksums(text);
  const found = [...(listed.get(name) ?? [])];
  const [sha256] = found;
  if (sha256 !== undefined && found.length === 1) return { sha256, notes };
  throw new UsageError(
    sha256 === undefined
      ? `The ${what} '${list.name}' does not name '${name}'.`
      : `The ${what} '${list.name}' has several checksums for '${name}'.`,
    { details: { names: [...listed.keys()].slice(0, 20).join(", ") || "none with SHA-256" } },
  );
}

interface List {
  readonly name: string;
  readonly bytes: Buffer;
}

async function trustedText(
  { name, bytes }: List,
  keyring: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly notes: readonly string[] }> {
  if (keyring !== undefined)
    return { text: await verifiedText({ name, bytes, keyring, signal }), notes: [] };
  const whole = decodeText(bytes, name, what);
  const text = signedText(whole);
  if (text === null)
    throw new UsageError(`The ${what} '${name}' is damaged: its signature is not whole.`);
  const reason = isClearSigned(whole)
    ? "no keyring was named (--keyring, or 'keyring' of an entry of a catalogue)"
    : "it has none";
  return { text, notes: [`The signature of the ${what} '${name}' was not verified: ${reason}.`] };
}

async function readList(path: string, cwd: string): Promise<List> {
  return { name: path, bytes: await readSmallFile(resolve(cwd, path), { what, maxBytes }) };
}

async function fetchList(url: URL, remote: RemoteOptions): Promise<List> {
  const bytes = await persist(
    url,
    remote,
    async () => {
      const response = await request({ ...remote, url, mayLeaveTls: false });
      try {
        const parts: Buffer[] = [];
        let size = 0;
        for await (const chunk of response as AsyncIterable<Buffer>) {
          size += chunk.length;
          if (size > maxBytes)
            throw new UsageError(`The ${what} '${shown(url)}' is too large to be one.`);
          parts.push(chunk);
        }
        return Buffer.concat(parts);
      } catch (error) {
        remote.signal.throwIfAborted();
        if (error instanceof UsageError) throw error;
        throw new PassingTrouble("the connection ended too early");
      } finally {
        response.destroy();
      }
    },
    () => 0,
  );
  return { name: shown(url), bytes };
}

/** A URL that may be fetched. Throws UsageError for one that is not HTTPS, or that holds a password: it would be logged. */
export function remoteUrl(text: string): URL {
  const url = parseUrl(text);
  if (url === null) throw new UsageError(`'${text.slice(0, 200)}' is not a URL.`);
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(
      `The URL of '${url.hostname}' holds a name or a password; give one without.`,
    );
  }
  if (url.protocol === "https:") return url;
  throw new UsageError(`'${shown(url)}' is not HTTPS.`, { details: { expected: "https://…" } });
}
