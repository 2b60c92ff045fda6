/** A disk file by its name on the command line: a path, or `https://…` with a checksum, which is downloaded first. */
import { basename, resolve } from "node:path";
import { UsageError } from "../../harness/base/errors.ts";
import { digestOfFile } from "../inspect/file-digest.ts";
import { type ChecksumWish, checksumOf, remoteUrl } from "./checksum-wish.ts";
import { download } from "./download.ts";
import { parseUrl, type RemoteOptions, shown } from "./https-request.ts";

export interface LocateOptions extends RemoteOptions {
  readonly cacheDir: string;
  readonly cwd: string;
  /** `sha256:…`, a file that lists checksums, or its URL. */
  readonly checksum?: string;
  readonly keyring?: string;
}

export interface LocatedDisk {
  readonly path: string;
  /** What is to be known about where it comes from, in whole sentences for every report. */
  readonly notes: readonly string[];
}

export const isRemoteName = (name: string): boolean => /^https?:\/\//i.test(name);

/** The name without what may be a secret. */
export const shownName = (name: string): string => {
  const url = isRemoteName(name) ? parseUrl(name) : null;
  return url === null ? name : `${shown(url)}${url.hash}`;
};

/** The file, on this host, with the checksum that was asked for. Throws UsageError and HostUnfit as `download` does. */
export async function locateDisk(name: string, options: LocateOptions): Promise<LocatedDisk> {
  return isRemoteName(name) ? fetchDisk(name, options) : checkDisk(name, options);
}

async function fetchDisk(name: string, options: LocateOptions): Promise<LocatedDisk> {
  const url = remoteUrl(name);
  const wish = wishOf(url, options);
  url.hash = "";
  const file = fileOf(url);
  const { sha256, notes } = await checksumOf(file, wish, options);
  const path = await download({ ...options, url, sha256 });
  return { path, notes };
}

/** The name of the file that a URL ends with. Throws UsageError for one whose escapes nobody can read. */
function fileOf(url: URL): string {
  try {
    return decodeURIComponent(url.pathname).replace(/^.*\//s, "");
  } catch (cause) {
    throw new UsageError(`'${shown(url)}' is not a URL: its path has a '%' that escapes nothing.`, {
      cause,
      details: { "to do": "write %25 where the name of the file has a '%'" },
    });
  }
}

/** The checksum behind `#sha256=`, or the one that was named beside the URL. */
function wishOf(url: URL, { checksum, keyring, cwd }: LocateOptions): ChecksumWish {
  const more = { cwd, ...(keyring === undefined ? {} : { keyring }) };
  const fragment = /^#sha256=([0-9a-fA-F]{64})$/.exec(url.hash)?.[1];
  if (url.hash !== "" && fragment === undefined) {
    throw new UsageError(
      `'${url.hash.slice(0, 100)}' is not a checksum; expected #sha256= and 64 hex digits.`,
    );
  }
  const known = fragment === undefined ? undefined : `sha256:${fragment}`;
  const wanted = checksum ?? known;
  if (wanted === undefined) {
    throw new UsageError(`The checksum of '${shown(url)}' is not named, so it is not downloaded.`, {
      details: {
        "to do": `say ${shown(url)}#sha256=…, or --candidate-checksum with sha256:…, a CHECKSUM file or its URL`,
        "in a catalogue": "say the same by 'checksum' of the entry",
      },
    });
  }
  if (checksum === undefined || known === undefined || checksum === known)
    return { checksum: wanted, ...more };
  throw new UsageError(`The checksum of '${shown(url)}' is named twice, behind it and beside it.`);
}

async function checkDisk(name: string, options: LocateOptions): Promise<LocatedDisk> {
  const { checksum, keyring, cwd, cacheDir, signal } = options;
  const path = resolve(cwd, name);
  if (checksum === undefined) return { path, notes: [] };
  const wish = { checksum, cwd, ...(keyring === undefined ? {} : { keyring }) };
  const { sha256, notes } = await checksumOf(basename(path), wish, options);
  const got = await digestOfFile(path, cacheDir, signal);
  if (got === `sha256:${sha256}`) return { path, notes };
  throw new UsageError(`'${name}' is not the file that its checksum names.`, {
    details: { expected: `sha256:${sha256}`, got },
  });
}
