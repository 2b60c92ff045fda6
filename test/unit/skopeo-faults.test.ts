import { expect, test } from "vitest";
import { explainSkopeo, type SkopeoSource, wordsOf } from "../../images/origins/skopeo-faults.ts";

/** Lines as skopeo 1.9.3 (Debian 12) wrote them on 2026-11-25 against docker-registry 2.8.2, files and podman's storage. */
const fatal = (message: string): string =>
  `time="2026-11-25T20:38:56Z" level=fatal msg=${JSON.stringify(message)}\n`;
const parsing = (rest: string): string =>
  fatal(`Error parsing image name "docker://registry.example/os:v1": ${rest}`);
const ping = (rest: string): string =>
  parsing(
    `pinging container registry registry.example: Get "https://registry.example/v2/": ${rest}`,
  );
const reading = (rest: string): string =>
  parsing(`reading manifest v1 in registry.example/os: ${rest}`);
/** Of a credential helper that printed something and ended with exit code 1. */
const helperSaid = (out: string): string =>
  `getting username and password: 1 error occurred:\n\t* error getting credentials - err: exit status 1, out: \`${out}\`\n\n`;

const explain = (stderr: string, source: SkopeoSource = "registry", isResolved = false) =>
  explainSkopeo(stderr, {
    name: "registry.example/os:v1",
    source,
    host: source === "registry" ? "registry.example" : null,
    store: "/cache/oci",
    isResolved,
  });

test.each<[string, "UsageError" | "HostUnfit", string]>([
  [
    "name-resolution",
    "HostUnfit",
    ping("dial tcp: lookup registry.example on 10.255.255.53:53: no such host"),
  ],
  [
    "name-resolution",
    "HostUnfit",
    ping(
      "dial tcp: lookup registry.example on 10.255.255.53:53: read udp 10.0.0.2:53: i/o timeout",
    ),
  ],
  ["refused", "HostUnfit", ping("dial tcp 127.0.0.1:9: connect: connection refused")],
  ["plain-http", "UsageError", ping("http: server gave HTTP response to HTTPS client")],
  [
    "tls-untrusted",
    "UsageError",
    ping(
      'x509: certificate signed by unknown authority (possibly because of "x509: invalid signature: parent certificate cannot sign this kind of certificate" while trying to verify candidate authority certificate "localhost")',
    ),
  ],
  [
    "tls-untrusted",
    "UsageError",
    ping("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
  ],
  [
    "certificate-expired",
    "HostUnfit",
    ping(
      "x509: certificate has expired or is not yet valid: current time 2026-11-25T20:00:00Z is after 2025-01-01T00:00:00Z",
    ),
  ],
  ["tls-client", "UsageError", ping("remote error: tls: bad certificate")],
  ["unauthorized", "UsageError", reading("unauthorized: authentication required")],
  [
    "unauthorized",
    "UsageError",
    reading(
      "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n",
    ),
  ],
  [
    "unauthorized",
    "UsageError",
    parsing("Requesting bear token: invalid status code from registry 403 (Forbidden)"),
  ],
  // As skopeo ends where the registry's message is the word of the code: {"code":"DENIED","message":"denied"}.
  ["unauthorized", "UsageError", reading("denied")],
  ["unauthorized", "UsageError", reading("denied: installation not allowed to Read package")],
  ["reference-form", "UsageError", parsing("invalid reference format")],
  [
    "not-for-architecture",
    "UsageError",
    fatal(
      'choosing an image from manifest list docker://registry.example/os:v1: no image found in manifest list for architecture s390x, variant "", OS linux',
    ),
  ],
  [
    "credentials-refused",
    "UsageError",
    parsing(
      "unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password",
    ),
  ],
  [
    "auth-file",
    "UsageError",
    parsing(
      'getting username and password: 1 error occurred:\n\t* reading JSON file "af": unmarshaling JSON at "af": invalid character \'g\' looking for beginning of value\n\n',
    ),
  ],
  [
    "auth-file",
    "UsageError",
    parsing(helperSaid('{"ServerURL":"x","Username":"me","Secret":"5ecret"}')),
  ],
  ["not-there", "UsageError", reading("manifest unknown: manifest unknown")],
  ["not-there", "UsageError", reading("name unknown: repository name not known to registry")],
  ["not-there", "UsageError", reading("StatusCode: 404, {}")],
  [
    "too-many-requests",
    "HostUnfit",
    reading("toomanyrequests: You have reached your pull rate limit."),
  ],
  ["too-many-requests", "HostUnfit", reading("too many requests to registry")],
  [
    "server-error",
    "HostUnfit",
    reading("received unexpected HTTP status: 503 Service Unavailable"),
  ],
  ["server-error", "HostUnfit", reading("StatusCode: 502, <html>")],
  [
    "corrupt",
    "HostUnfit",
    fatal(
      `writing blob: Digest did not match, expected sha256:${"a".repeat(64)}, got sha256:${"b".repeat(64)}`,
    ),
  ],
  [
    "connection-lost",
    "HostUnfit",
    fatal("writing blob: storing blob to file: happened during read: unexpected EOF"),
  ],
  ["connection-lost", "HostUnfit", ping("net/http: TLS handshake timeout")],
  ["connection-lost", "HostUnfit", ping("dial tcp 192.0.2.1:443: connect: no route to host")],
  [
    "no-space",
    "HostUnfit",
    fatal("writing blob: write mnt/x/oci-put-blob2413361311: no space left on device"),
  ],
  ["no-skopeo", "HostUnfit", "setpriv: failed to execute skopeo: No such file or directory\n"],
  ["unknown", "HostUnfit", fatal("something that nobody has seen yet")],
  ["unknown", "HostUnfit", ""],
])("a registry: %s", (id, name, stderr) => {
  const fault = explain(stderr);
  expect(fault.id).toBe(id);
  expect(fault.error.name).toBe(name);
  expect(fault.again).toBe(["corrupt", "server-error", "connection-lost"].includes(id));
});

test("what is gone after it was resolved was replaced: nobody asked for the wrong thing", () => {
  const fault = explain(reading("manifest unknown: manifest unknown"), "registry", true);
  expect(fault).toMatchObject({ id: "gone", error: { name: "HostUnfit" } });
});

test.each<[SkopeoSource, string, "UsageError" | "HostUnfit", string]>([
  [
    "archive",
    "archive-tag",
    "UsageError",
    fatal('initializing source oci-archive:a.tar:nope: no descriptor found for reference "nope"'),
  ],
  [
    "archive",
    "archive-tag",
    "UsageError",
    fatal(
      'determining manifest MIME type for docker-archive:d.tar:quay.io/x/z:1: Tag "quay.io/x/z:1" not found',
    ),
  ],
  [
    "archive",
    "archive-tag",
    "UsageError",
    fatal(
      "Error retrieving manifest for image: Unexpected tar manifest.json: expected 1 item, got 2",
    ),
  ],
  [
    "archive",
    "archive-tag",
    "UsageError",
    fatal(
      "initializing source oci-archive:flat.oci.tar:: more than one image in oci, choose an image",
    ),
  ],
  [
    "archive",
    "not-for-architecture",
    "UsageError",
    fatal(
      'choosing an image from manifest list oci-archive:/a:: no image found in image index for architecture amd64, variant "", OS linux',
    ),
  ],
  [
    "archive",
    "archive-damaged",
    "UsageError",
    fatal(
      'initializing source oci-archive:cut.tar:: creating temp directory: untarring file "/var/tmp/oci3589924179": unexpected EOF',
    ),
  ],
  [
    "archive",
    "archive-damaged",
    "UsageError",
    fatal(
      "initializing source docker-archive:cert.pem: loading tar component manifest.json: archive/tar: invalid tar header",
    ),
  ],
  [
    "archive",
    "archive-form",
    "UsageError",
    fatal(
      "initializing source docker-archive:a.tar: loading tar component manifest.json: file does not exist",
    ),
  ],
  [
    "archive",
    "archive-form",
    "UsageError",
    fatal(
      "initializing source oci-archive:d.tar:: open /var/tmp/oci3877177699/index.json: no such file or directory",
    ),
  ],
  [
    "archive",
    "no-space",
    "HostUnfit",
    fatal('creating temp directory: untarring file "/x": write /x/blobs: no space left on device'),
  ],
  [
    "storage",
    "storage-unknown",
    "UsageError",
    fatal(
      'Error parsing image name "containers-storage:quay.io/x/y:1": reference "[overlay@/var/lib/containers/storage+/run/containers/storage]quay.io/x/y:1" does not resolve to an image ID: identifier is not an image',
    ),
  ],
  [
    "storage",
    "storage-user",
    "HostUnfit",
    'time="2026-11-25T20:58:41Z" level=error msg="finding newgidmap: exec: \\"newgidmap\\": executable file not found in $PATH"\ntime="2026-11-25T20:58:41Z" level=error msg="(Unable to determine exit status)"\n',
  ],
])("an %s: %s", (source, id, name, stderr) => {
  const fault = explain(stderr, source);
  expect(fault.id).toBe(id);
  expect(fault.error.name).toBe(name);
});

test("what is quoted has no secrets: queries of signed addresses, user names, tokens", () => {
  const said = wordsOf(
    fatal(
      'Get "https://cdn.example/blob?X-Amz-Signature=5ecret&x=1": Get https://me:5ecret@cdn.example/x: Authorization: Bearer 5ecret.a-b and Basic NWVjcmV0',
    ),
  );
  expect(said).not.toMatch(/5ecret|NWVjcmV0/);
  expect(said).toMatch(/^Get "https:\/\/cdn\.example\/blob\?…"/);
});

test.each([
  '{"ServerURL":"x","Username":"me","Secret":"5ecret"}',
  "token 5ecret has expired",
  "it said `5ecret` twice: `5ecret`",
  `${" ".repeat(20_000)}5ecret`,
  'level=warning msg="5ecret"',
])("what a credential helper printed is not quoted: %#", (out) => {
  const { error } = explain(parsing(helperSaid(out)));
  expect(error.message).not.toContain("5ecret");
  expect(error.message).toContain("exit status 1, out: `…`");
  expect(wordsOf(parsing(helperSaid(out)).slice(0, -6))).not.toContain("5ecret");
});

test("of a token server's answer the token is not quoted", () => {
  // As containers/image 5.36 words it: docker_client.go, newBearerTokenFromHTTPResponseBody.
  const said = wordsOf(
    parsing(
      `unable to retrieve auth token: decoding bearer token (last URL "https://a.example/token", body start ${JSON.stringify('{"token":"5ecret.5ecr')}): invalid character`,
    ),
  );
  expect(said).not.toContain("5ecr");
});

test("hostile words are cut and read in linear time", () => {
  const before = performance.now();
  const fault = explain(fatal("https://".repeat(200_000)));
  expect(fault.error.message.length).toBeLessThan(3000);
  explain(`level=fatal msg="${"\\".repeat(500_000)}`);
  expect(performance.now() - before).toBeLessThan(1000);
});
