/**
 * The table of skopeo's words (1.9.3's and 1.22's, and those of the Go library below them): whose fault each is, what to do,
 * and whether another try may help. Each row has a recorded line in its test. None of these is ever the image's fault.
 */
import type { FaultContext, Row } from "./skopeo-fault-row.ts";

const registryOf = ({ host }: FaultContext): string => `The registry '${host ?? "unknown"}'`;
const logIn = ({ host }: FaultContext): string =>
  `'skopeo login ${host ?? "HOST"}' or 'podman login', or a file with --authfile`;

/**
 * A status of HTTP as containers/image and docker/distribution print it ("received unexpected HTTP status: 503 …", "error
 * parsing HTTP 503 response body", "invalid status code from registry 403", "StatusCode: 404"), or other words.
 */
const told = (codes: string, words: string): RegExp =>
  new RegExp(
    `(?:\\bHTTP |\\bfrom registry |\\bstatus ?(?:code)?:? ?)(?:${codes})\\b|${words}`,
    "i",
  );

const notThere = told(
  "404",
  "manifest unknown|name unknown|repository (?:name )?not (?:known|found)|404 \\(?Not Found",
);

/** The first row that fits is taken, so what is certain stands before what is vague. */
export const rows: readonly Row[] = [
  {
    id: "no-space",
    words: /no space left on device|disk quota exceeded/i,
    blame: "host",
    headline: ({ name }) => `There is not enough space in the cache for '${name}'.`,
    toDo: ({ store }) =>
      `free space below '${store}' ('images prune'), or set XDG_CACHE_HOME to a larger disk`,
  },
  {
    id: "no-skopeo",
    words: /failed to execute skopeo/,
    blame: "host",
    headline: () => "The host does not have the command 'skopeo' (package skopeo).",
    toDo: () => "install it; 'doctor' says what else is missing",
  },
  {
    id: "too-many-requests",
    words: told("429", "toomanyrequests|too many requests"),
    source: "registry",
    blame: "host",
    headline: (context) => `${registryOf(context)} takes no more requests from here for now.`,
    toDo: (context) => `wait, or log in for a higher limit: ${logIn(context)}`,
  },
  {
    // Of the way there, whatever the proxy's name or port does (net/http, transport.go: the operation of its net.OpError).
    id: "proxy",
    words: /proxyconnect tcp: /,
    source: "registry",
    blame: "host",
    headline: (context) => `The proxy on the way to ${lower(registryOf(context))} cannot be used.`,
    toDo: () => "see whether HTTPS_PROXY and NO_PROXY are right, and whether the proxy runs",
  },
  {
    id: "name-resolution",
    words:
      /dial tcp: lookup |no such host|temporary failure in name resolution|server misbehaving/i,
    source: "registry",
    blame: "host",
    headline: ({ host }) => `The name '${host ?? ""}' of the registry cannot be resolved.`,
    toDo: () => "see whether the name is right and whether this host has a name server",
  },
  {
    id: "refused",
    words: /connect: connection refused/,
    source: "registry",
    blame: "host",
    headline: (context) => `${registryOf(context)} does not accept connections.`,
    toDo: () => "see whether it runs, and on this port",
  },
  {
    id: "plain-http",
    words: /server gave HTTP response to HTTPS client/,
    source: "registry",
    blame: "caller",
    headline: (context) => `${registryOf(context)} speaks HTTP without TLS.`,
    toDo: () => "--tls-verify false, for a registry that is trusted all the same",
  },
  {
    id: "certificate-expired",
    words: /x509: certificate has expired or is not yet valid/,
    source: "registry",
    blame: "host",
    headline: (context) => `The certificate of ${lower(registryOf(context))} is not valid now.`,
    toDo: () => "see whether this host's clock is right, else the registry's owner has to renew it",
  },
  {
    id: "tls-untrusted",
    words: /x509: |tls: failed to verify certificate/,
    source: "registry",
    blame: "caller",
    headline: (context) => `The certificate of ${lower(registryOf(context))} is not trusted here.`,
    toDo: () => "--cert-dir DIR with its authority as ca.crt, or containers' own certs.d",
  },
  {
    id: "tls-client",
    words: /remote error: tls: /,
    source: "registry",
    blame: "caller",
    headline: (context) => `${registryOf(context)} refuses the TLS connection.`,
    toDo: () =>
      "--cert-dir DIR with client.cert and client.key, where it wants a client certificate",
  },
  {
    id: "auth-file",
    words: /getting username and password: /,
    blame: "caller",
    headline: () => "The file with the credentials for registries cannot be used.",
    toDo: () => "see containers-auth.json(5); a credential helper that it names has to work too",
  },
  {
    id: "credentials-refused",
    words: /invalid username\/password/,
    source: "registry",
    blame: "caller",
    headline: (context) => `${registryOf(context)} refuses the user name and the password.`,
    toDo: logIn,
  },
  {
    id: "page",
    // 404 says of a page too that there is nothing of this name.
    words: /\bStatusCode: (?!404)4\d\d, \s*</,
    source: "registry",
    blame: "host",
    headline: (context) =>
      `${registryOf(context)}, or something on the way to it, refuses with a page that is not of a registry.`,
    toDo: () => "see whether a proxy, a firewall or a login page answers in its place",
  },
  {
    id: "unauthorized",
    words: told(
      "40[13]",
      "unauthorized|authentication required|access to the resource is denied|\\bdenied(?:: |\\s*$)|insufficient_scope|403 \\(?Forbidden",
    ),
    source: "registry",
    blame: "caller",
    headline: (context) =>
      `${registryOf(context)} does not give '${context.name}' to this user: credentials are missing or refused, or it does not exist.`,
    toDo: logIn,
  },
  {
    id: "reference-form",
    words: /invalid reference format/,
    source: "registry",
    blame: "caller",
    headline: ({ name }) => `The skopeo of this host cannot ask for '${name}'.`,
    toDo: () => "name the registry by a host name and not by an IPv6 address",
  },
  {
    id: "gone",
    words: notThere,
    source: "registry",
    resolved: true,
    blame: "host",
    headline: (context) =>
      `${registryOf(context)} no longer has '${context.name}' as it was a moment ago: it was replaced or removed meanwhile.`,
    toDo: () => "start once more",
  },
  {
    id: "not-there",
    words: notThere,
    source: "registry",
    blame: "caller",
    headline: (context) => `${registryOf(context)} does not have '${context.name}'.`,
    toDo: ({ name }) => `'skopeo list-tags docker://${withoutTag(name)}' shows what it has`,
  },
  {
    id: "too-large",
    // The most that containers/image takes of either (internal/iolimits); of a token or an error it is another number.
    words: /exceeded maximum allowed size of 4194304 bytes/,
    blame: "caller",
    headline: ({ name }) =>
      `What '${name}' stands for is larger than 4 MiB, the most that a manifest or a configuration may have.`,
  },
  {
    id: "blob-gone",
    words: /blob unknown/i,
    source: "registry",
    blame: "host",
    headline: (context) => `${registryOf(context)} has lost a part of '${context.name}'.`,
    toDo: () => "have the image pushed once more",
  },
  {
    id: "corrupt",
    words:
      /Digest did not match|does not match provided manifest digest|blob size mismatch|size mismatch/i,
    source: "registry",
    blame: "host",
    again: true,
    headline: (context) =>
      `${registryOf(context)}, or something on the way to it, gave other bytes for '${context.name}' than their digest says.`,
    toDo: () => "pull again; where it stays, the registry's storage or a proxy is damaged",
  },
  {
    id: "server-error",
    words: told(
      // 520 to 530 are those of a network before it (Cloudflare's list).
      "50[0234]|52\\d|530",
      "internal server error|bad gateway|service unavailable|gateway time-?out",
    ),
    source: "registry",
    blame: "host",
    again: true,
    headline: (context) => `${registryOf(context)} has trouble of its own.`,
  },
  {
    id: "connection-lost",
    words:
      /unexpected EOF|: EOF|connection reset|broken pipe|i\/o timeout|TLS handshake timeout|context deadline exceeded|Client\.Timeout|no route to host|network is unreachable|stream error|http2: /i,
    source: "registry",
    blame: "host",
    again: true,
    headline: (context) => `The connection to ${lower(registryOf(context))} was lost.`,
  },
  {
    id: "storage-user",
    words: /newuidmap|newgidmap|subuid|user namespace|operation not permitted|permission denied/i,
    source: "storage",
    blame: "host",
    headline: () => "The storage of podman cannot be read by this user.",
    toDo: () =>
      "'podman info' has to work for the same user; in a container save the image by 'podman save'",
  },
  {
    id: "storage-unknown",
    words:
      /does not resolve to an image|identifier is not an image|image not known|no such image|unable to find/i,
    source: "storage",
    blame: "caller",
    headline: ({ name }) => `The storage of podman does not have '${name}' for this user.`,
    toDo: () => "'podman images' shows what it has; root and each user have a storage of their own",
  },
  {
    id: "not-for-architecture",
    words: /no image found in (?:image index|manifest list) for architecture/,
    blame: "caller",
    headline: ({ name }) => `'${name}' is not there for this architecture.`,
    toDo: () => "--architecture x86_64 or --architecture aarch64, for the one that it is for",
  },
  {
    id: "archive-form",
    words: /no such file or directory|file does not exist/,
    source: "archive",
    blame: "caller",
    headline: ({ name }) => `The archive '${name}' is not of the form that its name says.`,
    toDo: () => "oci-archive: for what skopeo and bootc make, docker-archive: for 'docker save'",
  },
  {
    id: "archive-tag",
    words:
      /[Tt]ag .* not found|no descriptor found|does not contain a single|more than one image|doesn't just contain a single|zero images|expected 1 item, got \d+/,
    source: "archive",
    blame: "caller",
    headline: ({ name }) => `The archive '${name}' does not have one image of that name.`,
    toDo: ({ name }) =>
      name.startsWith("docker-archive:")
        ? "name the tag behind the file, docker-archive:FILE:NAME:TAG; 'skopeo list-tags docker-archive:FILE' shows them"
        : "name the tag behind the file, oci-archive:FILE:TAG; 'tar -xOf FILE --wildcards *index.json' shows them",
  },
  {
    id: "archive-damaged",
    words:
      /EOF|invalid (?:tar|checksum)|archive\/tar|gzip|untar|unmarshal|invalid character|Digest did not match|mismatch/i,
    source: "archive",
    blame: "caller",
    headline: ({ name }) => `The archive '${name}' is truncated or damaged.`,
    toDo: () => "make or copy it once more",
  },
];

const lower = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);
const withoutTag = (name: string): string => name.replace(/@.*$/s, "").replace(/:[^/:]*$/, "");
