// What skopeo repeats of a reference is not a word of the registry's.
import { expect, test } from "vitest";
import { explainSkopeo, type SkopeoSource } from "../../images/origins/skopeo-faults.ts";

const fatal = (message: string): string =>
  `time="2026-11-25T20:38:56Z" level=fatal msg=${JSON.stringify(message)}\n`;
const denied = "unauthorized: access to the requested resource is not authorized";

test.each<[string, string, string]>([
  ["quay.io/you/os:pr-429", `reading manifest pr-429 in quay.io/you/os: ${denied}`, "unauthorized"],
  [
    "quay.io/you/os:pr-429",
    'Error parsing image name "docker://quay.io/you/os:pr-429": reading manifest pr-429 in quay.io/you/os: manifest unknown',
    "not-there",
  ],
  [
    "quay.io/you/os:43.429.0",
    'Error parsing image name "docker://quay.io/you/os:43.429.0": pinging container registry quay.io: Get "https://quay.io/v2/": x509: certificate signed by unknown authority',
    "tls-untrusted",
  ],
  [
    "127.0.0.1:429/os:1",
    'pinging container registry 127.0.0.1:429: Get "https://127.0.0.1:429/v2/": dial tcp 127.0.0.1:429: connect: connection refused',
    "refused",
  ],
  ["quay.io/you/os:503", "reading manifest 503 in quay.io/you/os: something new", "unknown"],
  ["quay.io/you/os:503", "reading manifest 503 in quay.io/you/os: manifest unknown", "not-there"],
  [
    "quay.io/toomanyrequests/os:unauthorized",
    "reading manifest unauthorized in quay.io/toomanyrequests/os: manifest unknown",
    "not-there",
  ],
  ["quay.io/you/denied:v1", `reading manifest v1 in quay.io/you/denied: blob unknown`, "blob-gone"],
  ["quay.io/you/os:v1", "received unexpected HTTP status: 429 Slow down", "too-many-requests"],
  [
    "quay.io/you/os:v1",
    'error parsing HTTP 503 response body: invalid character: "<html>"',
    "server-error",
  ],
  ["quay.io/you/os:v1", "invalid status code from registry 504 (Gateway Timeout)", "server-error"],
])("%s is a name and no word of the registry's: %s", (name, message, id) => {
  const host = name.slice(0, name.indexOf("/"));
  expect(
    explainSkopeo(fatal(message), { name, source: "registry", host, store: "/cache" }).id,
  ).toBe(id);
});

test.each<[SkopeoSource, string, string, string]>([
  [
    "archive",
    "oci-archive:gzip-EOF.tar:v1",
    "initializing source oci-archive:/x/gzip-EOF.tar:v1: something new",
    "unknown",
  ],
  [
    "archive",
    "oci-archive:e:v1",
    'initializing source oci-archive:/x/e:v1: no descriptor found for reference "v1"',
    "archive-tag",
  ],
  [
    "storage",
    "containers-storage:image",
    'reference "[overlay@/s+/r]image" does not resolve to an image ID: identifier is not an image',
    "storage-unknown",
  ],
])("an %s is called %s", (source, name, message, id) => {
  expect(explainSkopeo(fatal(message), { name, source, host: null, store: "/cache" }).id).toBe(id);
});
