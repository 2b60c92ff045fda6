/**
 * The grammar of what a person writes for an image: one table of transports (containers-transports(5)), and the rules
 * for a name without one. It opens nothing; whether a file is there is told to it.
 */
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest, type Digest, isDigest } from "../../harness/base/units.ts";
import { didYouMean, nearestWord } from "../../harness/config/nearest.ts";
import {
  beginsWithHost,
  credentialsRefused,
  holdsCredentials,
  parseReference,
  type RegistryReference,
} from "./reference.ts";

/** A name taken apart. `pin` is what the digest has to be, where it was written behind `@`. */
export type ImageName = { readonly pin: Digest | null } & (
  | { readonly kind: "catalogue"; readonly entry: string; readonly version: string | null }
  | { readonly kind: "disk"; readonly path: string }
  | OciName
);

/** A name that stands for an OCI image, whatever it is kept in. */
export type OciName =
  | { readonly kind: "layout"; readonly path: string; readonly tag: string | null }
  | {
      readonly kind: "archive";
      readonly transport: "oci-archive" | "docker-archive";
      readonly path: string;
      readonly tag: string | null;
    }
  | { readonly kind: "registry"; readonly reference: RegistryReference }
  | { readonly kind: "storage"; readonly reference: string }
  | { readonly kind: "directory"; readonly path: string };

export interface KnownNames {
  /** First words of the catalogue's names: `reference`. */
  readonly entries: readonly string[];
  /** All of its names, to say what is near: `reference:v1`. */
  readonly names: readonly string[];
  /** Whether there is a file or folder with the name that was written, without its pin. */
  readonly isThere: boolean;
}

interface Transport {
  readonly expects: string;
  /** Reads what follows the prefix; null when it is not what is expected. */
  readonly read: (rest: string) => OciName | null;
  /** The prefix ends here, where a colon does not end it. */
  readonly mark?: "://";
  /** `@sha256:…` is a part of the reference itself. */
  readonly ownsDigest?: true;
}

const archive =
  (transport: "oci-archive" | "docker-archive") =>
  (rest: string): OciName | null => {
    const pathAndTag = cutAtColon(rest);
    return pathAndTag === null ? null : { kind: "archive", transport, ...pathAndTag };
  };

/** Every transport that there is. Another kind of image with a prefix of its own is a row here. */
const transports: Readonly<Record<string, Transport>> = {
  oci: {
    expects: "oci:DIR or oci:DIR:TAG",
    read: (rest) => {
      const pathAndTag = cutAtColon(rest);
      return pathAndTag === null ? null : { kind: "layout", ...pathAndTag };
    },
  },
  "oci-archive": {
    expects: "oci-archive:FILE or oci-archive:FILE:TAG",
    read: archive("oci-archive"),
  },
  "docker-archive": {
    expects: "docker-archive:FILE or docker-archive:FILE:NAME:TAG",
    read: archive("docker-archive"),
  },
  docker: {
    expects: "docker://HOST/NAME:TAG",
    mark: "://",
    ownsDigest: true,
    read: (rest) => ({ kind: "registry", reference: parseReference(rest) }),
  },
  "containers-storage": {
    expects: "containers-storage:NAME:TAG",
    ownsDigest: true,
    read: (rest) => (rest === "" ? null : { kind: "storage", reference: rest }),
  },
  dir: {
    expects: "dir:DIR",
    read: (rest) => (rest === "" ? null : { kind: "directory", path: rest }),
  },
};

/** Words that begin a name and can therefore not be a name in a catalogue. */
export const transportWords: readonly string[] = Object.keys(transports);

/** Endings of files that hold a disk, so that a missing one is not taken for an image at a registry. */
const diskEnding = /\.(?:qcow2|raw|img|vmdk|vhd|vhdx|xz|zst|gz|bz2|iso)$/i;
const atRegistry =
  "an image at a registry is written with its host, for example quay.io/fedora/fedora-bootc:43 (short names are not expanded)";

/** Takes a name apart. Throws UsageError for what it can only be by mistake. */
export function parseImageName(text: string, known: KnownNames): ImageName {
  if (text.trim() === "") {
    throw new UsageError("The name of an image is empty.", {
      details: { "to do": "see whether the variable that it comes from is set" },
    });
  }
  const [, prefix = "", mark = "", rest = ""] =
    /^([a-z][a-z0-9-]*)(:\/\/|:)(.*)$/s.exec(text) ?? [];
  const transport = Object.hasOwn(transports, prefix) ? transports[prefix] : undefined;
  if (transport !== undefined) return readTransport(text, transport, mark, rest);
  if (prefix === "catalogue" && mark === ":")
    throw new UsageError(
      `'${text.slice(0, 200)}' is a group of images; --matrix and 'images pull' take it.`,
    );
  const { plain, pin } = splitPin(text);
  const [entry = "", version] = plain.split(/:(.*)/s);
  if (known.entries.includes(entry)) {
    return { kind: "catalogue", entry, version: version ?? null, pin };
  }
  if (known.isThere || /^(?:\.{0,2}\/|~)/.test(plain)) return { kind: "disk", path: plain, pin };
  if (mark === "://" || (prefix !== "" && /^[^\d].*\//s.test(rest))) throw strange(text, prefix);
  if (beginsWithHost(plain) && !(pin === null && diskEnding.test(plain))) {
    return { kind: "registry", reference: parseReference(text), pin: null };
  }
  if (holdsCredentials(text) || /^[^/@]+:[^/@]+@[^/@]*\.[^/@]*$/.test(text)) {
    throw credentialsRefused();
  }
  if (diskEnding.test(plain)) return { kind: "disk", path: plain, pin };
  throw unknownName(text, known);
}

function readTransport(text: string, transport: Transport, mark: string, rest: string): ImageName {
  const { plain, pin } = transport.ownsDigest ? { plain: rest, pin: null } : splitPin(rest);
  const isMarked = transport.mark === undefined || mark === transport.mark;
  const body = transport.mark === undefined && mark === "://" ? `//${plain}` : plain;
  const name = isMarked ? transport.read(body) : null;
  if (name !== null) return { ...name, pin };
  if (holdsCredentials(text) || holdsCredentials(rest)) throw credentialsRefused();
  throw new UsageError(
    `'${text.slice(0, 200)}' does not name an OCI image; expected ${transport.expects}.`,
  );
}

/** The first colon ends the path, as in skopeo: a tag may be a whole reference with colons of its own. */
function cutAtColon(rest: string): { readonly path: string; readonly tag: string | null } | null {
  const [path = "", tag] = rest.split(/:(.*)/s);
  if (path === "" || tag === "") return null;
  return { path, tag: tag ?? null };
}

/** The name and the digest it was pinned to. Throws UsageError for a digest that is not one. */
export function splitPin(name: string): { readonly plain: string; readonly pin: Digest | null } {
  const [, plain = name, pin] = /^(.+)@(sha256:[^/]*)$/s.exec(name) ?? [];
  if (pin === undefined) return { plain, pin: null };
  if (isDigest(pin)) return { plain, pin: asDigest(pin) };
  throw new UsageError(
    `'${pin.slice(0, 100)}' is not a digest; expected sha256: and 64 hex digits.`,
  );
}

function strange(text: string, prefix: string): UsageError {
  if (holdsCredentials(text)) return credentialsRefused();
  const near = nearestWord(prefix, transportWords);
  return new UsageError(
    `A transport '${prefix}' for images does not exist${near === null ? ", as in" : "; did you mean"} '${near ?? text.slice(0, 200)}'${near === null ? "." : "?"}`,
    {
      details: {
        transports: Object.values(transports)
          .map(({ expects }) => expects)
          .join(", "),
      },
    },
  );
}

function unknownName(text: string, { names }: KnownNames): UsageError {
  const near = didYouMean(text, [...names, ...transportWords.map((word) => `${word}:`)]);
  return new UsageError(
    `The image '${text.slice(0, 200)}' does not exist in the catalogue or as a file${near === "" ? "." : near}`,
    { details: { catalogue: names.join(", "), registry: atRegistry } },
  );
}
