/**
 * The few requests of the OCI distribution specification that skopeo has no words for: what a tag stands for, writing
 * one manifest under a condition, and a small blob. What a registry says about a digest is not believed but computed.
 */
import { createHash } from "node:crypto";
import { HostUnfit, MachineFault } from "../../base/errors.ts";
import { asDigest, type Digest } from "../../base/units.ts";
import { findCredentials } from "./credentials.ts";
import { createAuthorizer } from "./registry-auth.ts";
import { createSend, type Send, type Sent } from "./send.ts";
import { findTrust } from "./trust.ts";

export interface Manifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mediaType: string;
}

export interface FoundManifest extends Manifest {
  /** Computed from the bytes. */
  readonly digest: Digest;
  readonly etag: string | null;
}

/** Write only if the name still stands for this; a registry may ignore it. */
export type Condition = { readonly still: FoundManifest | null };

export interface RegistryClient {
  /** What a tag or digest stands for, or null. */
  manifest(reference: string): Promise<FoundManifest | null>;
  /** Writes a manifest. False when the registry refused because of the condition (HTTP 412). */
  putManifest(
    reference: string,
    manifest: Manifest,
    condition?: Condition,
  ): Promise<{ readonly written: boolean; readonly headers: Headers }>;
  /** Uploads a small blob in one piece. */
  putBlob(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

export interface ClientOptions {
  readonly host: string;
  readonly repository: string;
  /** Speak HTTP without TLS. */
  readonly plainHttp: boolean;
  /** Credentials and certificates that a person names, instead of those of containers' tools. */
  readonly authFile?: string | undefined;
  readonly certDir?: string | undefined;
  readonly signal: AbortSignal;
}

const requestTimeoutMs = 120_000;
/** A registry takes manifests up to 4 MiB (distribution specification, "Pushing Manifests"). */
const maxManifestBytes = 4 * 1024 * 1024;
const accepted = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

export const sha256Of = (bytes: Uint8Array): Digest =>
  asDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);

/** Talks to one repository. Throws MachineFault for a registry that is dead or answers wrongly, HostUnfit when it refuses us. */
export function createRegistryClient(options: ClientOptions): RegistryClient {
  const ask = createAsk(options);
  const base = `/v2/${options.repository}`;
  return {
    async manifest(reference) {
      const url = `${base}/manifests/${reference}`;
      const response = await ask(url, { headers: { accept: accepted } }, [200, 404]);
      const bytes = await readCapped(response, options.host);
      if (response.status === 404) return null;
      return {
        bytes,
        digest: sha256Of(bytes),
        mediaType: response.headers.get("content-type")?.split(";")[0]?.trim() ?? "",
        etag: response.headers.get("etag"),
      };
    },
    async putManifest(reference, { bytes, mediaType }, condition) {
      const headers = { "content-type": mediaType, ...conditionHeaders(condition) };
      const init = { method: "PUT", headers, body: bytes };
      const response = await ask(`${base}/manifests/${reference}`, init, [200, 201, 412]);
      await response.body?.cancel();
      return { written: response.status !== 412, headers: response.headers };
    },
    async putBlob(bytes) {
      const digest = sha256Of(bytes);
      const there = await ask(`${base}/blobs/${digest}`, { method: "HEAD" }, [200, 404]);
      if (there.status === 200) return;
      const begun = await ask(`${base}/blobs/uploads/`, { method: "POST" }, [202]);
      await begun.body?.cancel();
      const location = begun.headers.get("location") ?? "";
      if (!URL.canParse(location, begun.url))
        throw new MachineFault(`The registry '${options.host}' does not say where to upload.`);
      const place = new URL(location, begun.url);
      place.searchParams.set("digest", digest);
      const headers = { "content-type": "application/octet-stream" };
      const response = await ask(place.href, { method: "PUT", headers, body: bytes }, [201]);
      await response.body?.cancel();
    },
  };
}

/** RFC 9110, 13.1: the distribution specification lets clients ask like this and does not make registries listen. */
function conditionHeaders(condition: Condition | undefined): Record<string, string> {
  if (condition === undefined) return {};
  if (condition.still === null) return { "if-none-match": "*" };
  return condition.still.etag === null ? {} : { "if-match": condition.still.etag };
}

type Ask = (path: string, init: Omit<Sent, "signal">, fine: readonly number[]) => Promise<Response>;

function createAsk({ host, repository, plainHttp, authFile, certDir, signal }: ClientOptions): Ask {
  const scheme = plainHttp ? "http" : "https";
  // Docker Hub answers at another name than its images have.
  const base = new URL(`${scheme}://${host === "docker.io" ? "registry-1.docker.io" : host}`);
  let sender: Promise<Send> | undefined;
  const open = (): Promise<Send> => {
    sender ??= findTrust(host, certDir).then(createSend);
    return sender;
  };
  const authorizer = createAuthorizer({
    repository,
    plainHttp,
    credentials: () => findCredentials(host, repository, { file: authFile }),
    send: open,
  });
  return async (path, init, fine) => {
    const sendTo = await open();
    const url = new URL(path, base);
    const limit = (): AbortSignal =>
      AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]);
    const send = async (): Promise<Response> => {
      // An upload may be sent to another server, which must not see what this one knows us by.
      const ours = url.origin === base.origin ? authorizer.headers() : {};
      return sendTo(url, { ...init, headers: { ...init.headers, ...ours }, signal: limit() });
    };
    let response: Response;
    try {
      response = await send();
      if (response.status === 401 && (await authorizer.learn(response, limit()))) {
        await response.body?.cancel();
        response = await send();
      }
    } catch (cause) {
      signal.throwIfAborted();
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
      throw new MachineFault(`The registry '${host}' does not answer.`, {
        cause,
        details: { reason: String(reason).slice(0, 300), request: requestOf(url, init) },
      });
    }
    if (fine.includes(response.status)) return response;
    throw await refusal(host, requestOf(url, init), response);
  };
}

const requestOf = (url: URL, { method = "GET" }: Pick<Sent, "method">): string =>
  `${method} ${url.pathname.slice(0, 300)}`;

async function refusal(host: string, request: string, response: Response): Promise<Error> {
  const said = await readCapped(response, host).then(
    (bytes) => new TextDecoder().decode(bytes.subarray(0, 500)).replace(/[^\x20-\x7e]+/g, " "),
    () => "",
  );
  const details = { answer: `HTTP ${response.status}`, request, said: said || undefined };
  if (response.status !== 401 && response.status !== 403)
    return new MachineFault(`The registry '${host}' did not do what was asked.`, { details });
  return new HostUnfit(`The registry '${host}' does not allow it.`, {
    details,
    lookAt: `skopeo login ${host}`,
  });
}

async function readCapped(response: Response, host: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += (chunk as Uint8Array).length;
      if (size > maxManifestBytes) break;
      chunks.push(chunk as Uint8Array);
    }
  } catch (cause) {
    throw new MachineFault(`The registry '${host}' broke off its answer.`, { cause });
  }
  if (size > maxManifestBytes)
    throw new MachineFault(`The registry '${host}' answers with more than 4 MiB.`);
  return new Uint8Array(Buffer.concat(chunks));
}
