/** Files of the caller's that are put into an image's root over what its layers have. */
import { stat } from "node:fs/promises";
import { UsageError } from "../../harness/base/errors.ts";
import type { RootMerger } from "./merge.ts";
import type { Content } from "./node.ts";
import { type TarKind, TarMalformed } from "./tar-reader.ts";

export interface RootExtra {
  /** Absolute in the root. Parents that are missing are made, those that are links are followed. */
  readonly path: string;
  /** Permissions; the owner is root. Of a link it has no meaning. */
  readonly mode: number;
  readonly content:
    | Uint8Array
    | { readonly file: string }
    | { readonly directory: true }
    | { readonly link: string };
}

/** Adds the files as if they were the layer `layer`. Throws UsageError where the image has something in the way. */
export async function addExtras(
  merger: RootMerger,
  extra: readonly RootExtra[],
  layer: number,
): Promise<void> {
  for (const [ordinal, { path, mode, content }] of extra.entries()) {
    const source = await sourceOf(content);
    const entry = {
      ordinal,
      name: latin1(path),
      kind: source.kind,
      mode,
      uid: 0,
      gid: 0,
      size: source.size,
      mtime: 0,
      mtimeNanos: 0,
      link: source.link,
      major: 0,
      minor: 0,
      xattrs: [],
      sparse: null,
    };
    try {
      const node = merger.apply(entry, layer);
      if (node !== null && source.content !== null) node.content = source.content;
    } catch (cause) {
      if (!(cause instanceof TarMalformed)) throw cause;
      throw new UsageError(`'${path}' cannot be put into the image's root.`, {
        cause,
        details: { reason: cause.message },
      });
    }
  }
}

interface Source {
  readonly kind: TarKind;
  readonly size: number;
  readonly link: string;
  readonly content: Content | null;
}

async function sourceOf(content: RootExtra["content"]): Promise<Source> {
  if (content instanceof Uint8Array) {
    const { length: size } = content;
    return { kind: "file", size, link: "", content: { from: "bytes", bytes: content } };
  }
  if ("file" in content) {
    const { size } = await stat(content.file);
    return { kind: "file", size, link: "", content: { from: "file", path: content.file } };
  }
  if ("link" in content)
    return { kind: "symlink", size: 0, link: latin1(content.link), content: null };
  return { kind: "directory", size: 0, link: "", content: null };
}

/** Names are kept as their bytes. */
const latin1 = (text: string): string => Buffer.from(text).toString("latin1");
