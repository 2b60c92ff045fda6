/**
 * What a person writes for the two ends of a promotion. Short names are refused: a promotion must not depend on a
 * host's list of registries to search.
 */
import { UsageError } from "../../base/errors.ts";
import { asDigest, type Digest, isDigest } from "../../base/units.ts";

/** A tag at a registry. */
export interface TagReference {
  /** As it is written: `registry.example:5000`. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  /** `host/repository`. */
  readonly name: string;
}

export type SourceReference =
  | { readonly kind: "layout"; readonly layout: string; readonly tag: string }
  | { readonly kind: "registry"; readonly name: string; readonly digest: Digest };

/** Names and tags as the distribution specification writes them. */
const part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const host =
  "(?:localhost|[A-Za-z0-9.-]+\\.[A-Za-z0-9.-]+|[A-Za-z0-9.-]+(?=:[0-9]))(?::[0-9]{1,5})?";
const namePattern = `(${host})/(${part}(?:/${part})*)`;
const tagShape = new RegExp(`^${namePattern}:([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$`);
const digestShape = new RegExp(`^${namePattern}@(sha256:[0-9a-f]{64})$`);
const maxLength = 500;

const quoted = (text: string): string => `'${text.slice(0, 200)}'`;

/** Whether a request can be sent there: the shape alone lets `256.1.1.1`, `a..b:1` and port 99999 through (WHATWG URL, host parsing). */
const isReachable = (host: string): boolean =>
  URL.canParse(`https://${host}`) && !/:0+$/.test(host);

/** Reads `registry.example/os:stable`, with or without `docker://`. Throws UsageError. */
export function parseDestination(text: string): TagReference {
  const plain = text.replace(/^docker:\/\//, "").slice(0, maxLength);
  const [, host = "", repository = "", tag = ""] = tagShape.exec(plain) ?? [];
  if (tag !== "" && isReachable(host))
    return { host, repository, tag, name: `${host}/${repository}` };
  throw new UsageError(`${quoted(text)} is not a tag at a registry.`, {
    details: { expected: "REGISTRY/NAME:TAG, for example registry.example/os:stable" },
  });
}

/** Reads `oci:DIR:TAG` or `docker://NAME@sha256:…`. Throws UsageError for a source that could change under us. */
export function parseSource(text: string): SourceReference {
  const layout = /^oci:(.+):([^:]+)$/s.exec(text);
  const [, folder, tag] = layout ?? [];
  if (folder !== undefined && tag !== undefined) return { kind: "layout", layout: folder, tag };
  const plain = text.replace(/^docker:\/\//, "").slice(0, maxLength);
  const [, host = "", repository = "", digest = ""] = digestShape.exec(plain) ?? [];
  if (text.startsWith("docker://") && digest !== "" && isReachable(host))
    return { kind: "registry", name: `${host}/${repository}`, digest: asDigest(digest) };
  throw new UsageError(`${quoted(text)} does not name one image for good.`, {
    details: { expected: "oci:DIR:TAG or docker://REGISTRY/NAME@sha256:…" },
  });
}

/** `--expect`: what the tag must stand for now, null for nothing. Throws UsageError. */
export function parseExpectation(text: string): Digest | null {
  if (text === "absent") return null;
  if (isDigest(text)) return text;
  throw new UsageError(
    `${quoted(text)} is not a digest; expected sha256: and 64 hex digits, or 'absent'.`,
  );
}
