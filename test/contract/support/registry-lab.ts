// A real registry to pull from, in the open behind a proxy that may meddle.
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startRegistry } from "../../../fixtures/registry-process.ts";
import { runCommand } from "../../../harness/base/process.ts";
import { createWorkspace } from "../../../harness/base/workspace.ts";
import { type OpenedOci, type OriginOptions, openOci } from "../../../images/origins/open-oci.ts";
import { parseReference } from "../../../images/origins/reference.ts";
import type { MadeImage } from "./image-maker.ts";

const { signal } = new AbortController();

/** Answers a request itself (true), or lets it pass. */
export type Meddle = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface RegistryLab extends AsyncDisposable {
  readonly folder: string;
  /** The proxy before the open registry. */
  readonly host: string;
  /** The registry itself. */
  readonly port: number;
  /** `GET /v2/os/blobs/sha256:…`, in order. */
  readonly requests: string[];
  meddle: Meddle | null;
  readonly progress: string[];
  /** Puts an image under a tag, past the proxy. */
  push(image: MadeImage, nameAndTag: string): Promise<void>;
  /** Puts a document under a tag or digest, past the proxy. */
  putManifest(name: string, reference: string, bytes: Buffer, mediaType: string): Promise<void>;
  options(more?: Partial<OriginOptions>): OriginOptions;
  /** Opens a reference at the proxy: `os:v1`. */
  pull(nameAndTag: string, more?: Partial<OriginOptions>): Promise<OpenedOci>;
}

export const quick = { documentMs: 20_000, stallMs: 20_000, pausesMs: [10, 20] };

export async function openRegistryLab(): Promise<RegistryLab> {
  const workspace = await createWorkspace("origins");
  const registry = await startRegistry(workspace.path, signal);
  const direct = `127.0.0.1:${registry.port}`;
  const requests: string[] = [];
  const progress: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url?.split("?")[0]}`);
    if (lab.meddle?.(request, response) === true) return;
    const { method, url, headers } = request;
    const onward = forward(
      { host: "127.0.0.1", port: registry.port, method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const lab: RegistryLab = {
    folder: workspace.path,
    host,
    port: registry.port,
    requests,
    progress,
    meddle: null,
    push: (image, nameAndTag) =>
      push(image, `${direct}/${nameAndTag}`, ["--dest-tls-verify=false"]),
    async putManifest(name, reference, bytes, mediaType) {
      const answer = await fetch(`http://${direct}/v2/${name}/manifests/${reference}`, {
        method: "PUT",
        headers: { "content-type": mediaType },
        body: new Uint8Array(bytes),
      });
      if (answer.status !== 201) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
    },
    options: (more = {}) => ({
      cacheDir: join(workspace.path, "cache"),
      cwd: workspace.path,
      signal,
      onProgress: (line) => progress.push(line),
      access: { tlsVerify: false },
      architecture: "x86_64",
      limits: quick,
      ...more,
    }),
    pull: (nameAndTag, more) => {
      const reference = parseReference(`${host}/${nameAndTag}`);
      return openOci({ kind: "registry", reference }, nameAndTag, lab.options(more));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await registry[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
    },
  };
  return lab;
}

async function push(image: MadeImage, target: string, words: readonly string[]): Promise<void> {
  const copy = ["--insecure-policy", "copy", "--quiet", "--preserve-digests", ...words];
  await runCommand("skopeo", [...copy, `dir:${image.folder}`, `docker://${target}`]);
}

/** Class and words of the error; fails where there is none. */
export async function errorOf(work: Promise<unknown>): Promise<{ name: string; text: string }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return { name: error.name, text: error.message };
  }
  throw new Error("There was no error.");
}
