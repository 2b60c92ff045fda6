import { expect, test } from "vitest";
import { explainSkopeo, type SkopeoSource } from "../../images/origins/skopeo-faults.ts";

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
  [
    "proxy",
    "HostUnfit",
    ping("proxyconnect tcp: dial tcp: lookup proxy.corp on 10.0.0.2:53: no such host"),
  ],
  [
    "proxy",
    "HostUnfit",
    ping("proxyconnect tcp: dial tcp 10.0.0.3:3128: connect: connection refused"),
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
    parsing(
      'getting username and password: 1 error occurred:\n\t* error getting credentials - err: exit status 1, out: `{"ServerURL":"x","Username":"me","Secret":"5ecret"}`\n\n',
    ),
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
  ["server-error", "HostUnfit", reading("received unexpected HTTP status: 521 ")],
  ["page", "HostUnfit", reading("StatusCode: 403, <html>forbidden by WAF</html>")],
  [
    "page",
    "HostUnfit",
    reading("StatusCode: 407, <!DOCTYPE html>\n<html><head><title>Access denied</..."),
  ],
  ["unauthorized", "UsageError", reading("StatusCode: 403, Forbidden")],
  ["not-there", "UsageError", reading("StatusCode: 404, <!DOCTYPE html>")],
  ["too-large", "UsageError", parsing("exceeded maximum allowed size of 4194304 bytes")],
  [
    "unknown",
    "HostUnfit",
    parsing("unable to retrieve auth token: exceeded maximum allowed size of 1048576 bytes"),
  ],
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
