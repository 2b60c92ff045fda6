/**
 * A reference to an image at a registry, `quay.io/fedora/fedora-bootc:43`, as the distribution specification and
 * containers/image (docker/reference) write it. The host is never guessed: short names depend on a host's own list of
 * registries (containers-registries.conf(5)), so one word could mean different images on two machines.
 */
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest, type Digest, isDigest } from "../../harness/base/units.ts";

/** An image at a registry. With neither tag nor digest the tag is `latest`, as for every tool of the field. */
export interface RegistryReference {
  /** As it is written: `registry.example:5000`. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string | null;
  /** Where there is one it decides, and the tag only says what a user would follow. */
  readonly digest: Digest | null;
}

const maxLength = 600;
const part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const repositoryShape = new RegExp(`^${part}(?:/${part})*$`);
const tagShape = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const hostShape = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?$/;
const howToWrite =
  "HOST/NAME:TAG or HOST/NAME@sha256:…, for example quay.io/fedora/fedora-bootc:43";

/** Whether the text begins with the host of a registry: a name with a dot, one with a port, or `localhost`. */
export function beginsWithHost(text: string): boolean {
  const slash = text.indexOf("/");
  if (slash < 1) return false;
  const first = text.slice(0, slash);
  return (
    hostShape.test(first) &&
    (/^localhost(?::|$)/.test(first) || /:\d+$/.test(first) || /^[^.].*\.[^.]/.test(first))
  );
}

/** Whether a person put a user name or a password before the host. Such text is never repeated in a message. */
export const holdsCredentials = (text: string): boolean =>
  /^(?:[a-z-]+:)?\/*[^/@]+@[^/]*\//.test(text.slice(0, maxLength));

/** What is said of a user name or a password in a name, without either of them. */
export const credentialsRefused = (): UsageError =>
  new UsageError("A reference to an image does not take a user name or a password.", {
    details: {
      "to do": "log in with 'skopeo login' or 'podman login', or name a file with --authfile",
    },
  });

/** Reads a reference that names its host. Throws UsageError, and never repeats credentials. */
export function parseReference(text: string): RegistryReference {
  if (holdsCredentials(text)) throw credentialsRefused();
  const refuse = (reason: string): UsageError =>
    new UsageError(`'${text.slice(0, 200)}' is not a reference to an image: ${reason}.`, {
      details: { expected: howToWrite },
    });
  if (text.length > maxLength) throw refuse(`it is longer than ${maxLength} characters`);
  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? null : text.slice(at + 1);
  if (digest !== null && !isDigest(digest)) {
    throw refuse("behind '@' there has to be sha256: and 64 hex digits");
  }
  const slash = named.indexOf("/");
  if (slash < 1 || !beginsWithHost(named)) {
    throw refuse("it does not name the registry, and short names are not expanded");
  }
  const port = /:(\d+)$/.exec(named.slice(0, slash))?.[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw refuse(`the port ${port} of its host does not exist`);
  }
  const rest = named.slice(slash + 1);
  const colon = rest.lastIndexOf(":");
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? null : rest.slice(colon + 1);
  if (!repositoryShape.test(repository)) {
    throw refuse(
      /[A-Z]/.test(repository)
        ? "the name of a repository has small letters only"
        : "the name of its repository is malformed",
    );
  }
  if (tag !== null && !tagShape.test(tag)) throw refuse("its tag is malformed");
  return {
    host: named.slice(0, slash),
    repository,
    tag: tag ?? (digest === null ? "latest" : null),
    digest: digest === null ? null : asDigest(digest),
  };
}

/** `host/repository`. */
export const repositoryOf = ({ host, repository }: RegistryReference): string =>
  `${host}/${repository}`;

/** How skopeo is asked for it: by the digest where there is one (it does not take tag and digest together). */
export const askedAs = (reference: RegistryReference): string =>
  reference.digest === null
    ? `${repositoryOf(reference)}:${reference.tag ?? "latest"}`
    : `${repositoryOf(reference)}@${reference.digest}`;

/** What an installation from this reference tracks: the tag where one was written, else the digest for good. */
export const followedAs = (reference: RegistryReference): string =>
  reference.tag === null ? askedAs(reference) : `${repositoryOf(reference)}:${reference.tag}`;
