/** From a name that stands for an OCI image to the image itself, wherever it is kept. */
import { resolve } from "node:path";
import { UsageError } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { isFullDisk, noSpaceIn } from "../../harness/base/no-space.ts";
import type { Digest } from "../../harness/base/units.ts";
import { type Architecture, hostArchitecture } from "../image.ts";
import type { OciName } from "./image-name.ts";
import { openArchive, openStorage } from "./import.ts";
import { openDirectory, openLayout } from "./local.ts";
import type { OciImageFacts } from "./oci-layout.ts";
import {
  type FetchOptions,
  type FoundOci,
  type Peeked,
  peekReference,
  pullReference,
} from "./pull.ts";
import { followedAs, type RegistryReference } from "./reference.ts";
import { type RegistryAccess, type SkopeoLimits, usualLimits } from "./skopeo.ts";
import { ImageStore } from "./store.ts";

export interface OriginOptions {
  /** The store is below it. */
  readonly cacheDir: string;
  /** What relative paths start from. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  readonly access?: RegistryAccess;
  /** Which image an index stands for. Default: this host's own architecture. */
  readonly architecture?: Architecture;
  readonly limits?: SkopeoLimits;
  /** See `FetchOptions`: of images at a registry. */
  readonly wants?: (architecture: Architecture) => Promise<boolean>;
  /** Limit of the store in bytes, see `ImageStore`. */
  readonly limitBytes?: number;
}

/** An image at hand as a layout, with what an installation from its origin would follow. */
export interface OpenedOci {
  readonly facts: OciImageFacts;
  readonly index?: Digest;
  /** A reference at a registry, or null where the origin is not one. */
  readonly follows: string | null;
  readonly notes: readonly string[];
}

/** A name, with the digest behind it where there is one: what holds several images finds the one that is meant by it. */
export type PinnedName = OciName & { readonly pin?: Digest | null };

/** Fetches what has to be fetched. Throws UsageError for what the caller has to change, HostUnfit for what is wrong elsewhere. */
export async function openOci(
  name: PinnedName,
  written: string,
  options: OriginOptions,
): Promise<OpenedOci> {
  try {
    return await open(name, written, options);
  } catch (error) {
    throw explainCache(error, written, options.cacheDir);
  }
}

/** What the documents of an image at a registry say; null where the image is in the store. Throws as `openOci` does. */
export async function peekOci(
  reference: RegistryReference,
  written: string,
  options: OriginOptions,
): Promise<Peeked | null> {
  try {
    return await peekReference(reference, await fetchOptions(options));
  } catch (error) {
    throw explainCache(error, written, options.cacheDir);
  }
}

/** What a file system says of the cache, in words; other errors as they are. */
function explainCache(error: unknown, written: string, cacheDir: string): unknown {
  if (!isFullDisk(error)) return error;
  const headline = `There is not enough space in the cache for '${written}'.`;
  return noSpaceIn(cacheDir, headline, {}, error);
}

async function open(name: PinnedName, written: string, options: OriginOptions): Promise<OpenedOci> {
  const { cwd } = options;
  const plain = async (found: Promise<FoundOci>): Promise<OpenedOci> => ({
    ...(await found),
    follows: null,
  });
  const fetching = (): Promise<FetchOptions> => fetchOptions(options);
  switch (name.kind) {
    case "layout": {
      const { path, tag, pin = null } = name;
      await refuseColon(name, cwd);
      const wish = { tag, pin, architecture: options.architecture ?? hostArchitecture() };
      return plain(openLayout(resolve(cwd, path), wish, written, fetching));
    }
    case "directory":
      return plain(openDirectory(resolve(cwd, name.path), written, await fetching()));
    case "registry": {
      const found = await pullReference(name.reference, await fetching());
      return { ...found, follows: followedAs(name.reference) };
    }
    case "archive": {
      await refuseColon(name, cwd);
      const path = resolve(cwd, name.path);
      if (path.includes(":"))
        throw new UsageError(`skopeo cannot open an archive whose path has a colon: '${path}'.`);
      return {
        ...(await openArchive({ ...name, path }, written, await fetching())),
        follows: null,
      };
    }
    case "storage":
      return { ...(await openStorage(name.reference, written, await fetching())), follows: null };
    default:
      return name satisfies never;
  }
}

/** Throws UsageError for a path that ends at its first colon, as skopeo has it, where there is one that goes on behind it. */
async function refuseColon(
  { path, tag }: { readonly path: string; readonly tag: string | null },
  cwd: string,
): Promise<void> {
  if (tag === null || (await exists(resolve(cwd, path)))) return;
  const parts = tag.split(":").slice(0, 20);
  for (const [index] of parts.entries()) {
    const meant = [path, ...parts.slice(0, index + 1)].join(":");
    if (await exists(resolve(cwd, meant)))
      throw new UsageError(
        `'${path}' does not exist, and '${meant}' cannot be named: the first colon ends the path.`,
        {
          details: {
            "to do": "rename it, or name a symbolic link to it that does not have a colon",
          },
        },
      );
  }
}

async function fetchOptions(options: OriginOptions): Promise<FetchOptions> {
  const { cacheDir, signal, onProgress, limitBytes, wants } = options;
  const limit = limitBytes === undefined ? {} : { limitBytes };
  return {
    store: await ImageStore.open({ cacheDir, signal, onProgress, ...limit }),
    access: options.access ?? {},
    limits: options.limits ?? usualLimits,
    architecture: options.architecture ?? hostArchitecture(),
    signal,
    onProgress,
    ...(wants === undefined ? {} : { wants }),
  };
}
