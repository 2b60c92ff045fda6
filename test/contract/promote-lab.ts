/** A bench for promotions: the real registry behind a counter that writes down each request and may meddle with it. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type RegistryProcess, startRegistry } from "../../fixtures/registry-process.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";

const { signal } = new AbortController();
export const sha = (bytes: Uint8Array | string): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export interface Meddling {
  /** Runs before a request is passed on; true: it was answered here. */
  before?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  /** Headers added to an answer. */
  headers?: (request: IncomingMessage) => Record<string, string>;
}

export interface Lab extends AsyncDisposable {
  readonly folder: string;
  readonly host: string;
  /** `PUT /v2/os/manifests/stable`, in order. */
  readonly requests: string[];
  readonly meddling: Meddling;
  /** Kills its registry; the next lab has another one. */
  readonly killRegistry: () => void;
  /** Digest of a tag as the registry itself says, past the counter. */
  digestOf(name: string, tag: string): Promise<string | null>;
  tags(name: string): Promise<readonly string[]>;
  json(name: string, reference: string): Promise<Record<string, unknown>>;
  blob(name: string, digest: string): Promise<string>;
  /** Puts an image under a tag, past the counter. */
  push(layoutTag: string, nameAndTag: string): Promise<void>;
}

export const writesOf = ({ requests }: Lab): string[] =>
  requests.filter((line) => !/^(?:GET|HEAD) /.test(line));

const accept = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
].join(", ");

/** One registry for the labs of a file, each of which finds it empty. */
export async function openHome() {
  const workspace = await createWorkspace("promote-registry");
  let registry = await startRegistry(workspace.path, signal);
  return {
    async empty(): Promise<RegistryProcess> {
      if (!registry.isRunning()) registry = await startRegistry(workspace.path, signal);
      const storage = join(workspace.path, "storage");
      await rm(storage, { recursive: true, force: true });
      // Its own health check looks for the folder.
      await mkdir(storage);
      return registry;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await registry[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
    },
  };
}

/** `layout` in the lab's folder has the tags v1 and v2. */
export async function openLab(registry: RegistryProcess): Promise<Lab> {
  const workspace = await createWorkspace("promote");
  const requests: string[] = [];
  const meddling: Meddling = {};
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url?.split("?")[0]}`);
    void pass(request, response, registry.port, meddling);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const layout = join(workspace.path, "layout");
  await makeLayout(layout, ["v1", "v2"]);
  const direct = `http://127.0.0.1:${registry.port}/v2`;
  const get = (path: string): Promise<Response> =>
    fetch(`${direct}${path}`, { headers: { accept } });
  return {
    folder: workspace.path,
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    meddling,
    killRegistry: () => void process.kill(registry.pid, "SIGKILL"),
    async digestOf(name, tag) {
      const response = await get(`/${name}/manifests/${tag}`);
      const bytes = new Uint8Array(await response.arrayBuffer());
      return response.status === 404 ? null : sha(bytes);
    },
    async tags(name) {
      const { tags } = (await (await get(`/${name}/tags/list`)).json()) as { tags?: string[] };
      return [...(tags ?? [])].sort();
    },
    json: async (name, reference) =>
      (await (await get(`/${name}/manifests/${reference}`)).json()) as Record<string, unknown>,
    blob: async (name, digest) => (await get(`/${name}/blobs/${digest}`)).text(),
    async push(layoutTag, nameAndTag) {
      const words = ["--insecure-policy", "copy", "--quiet", "--preserve-digests"];
      const target = `docker://127.0.0.1:${registry.port}/${nameAndTag}`;
      const access = "--dest-tls-verify=false";
      await runCommand("skopeo", [...words, access, `oci:${layout}:${layoutTag}`, target]);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await workspace[Symbol.asyncDispose]();
    },
  };
}

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  meddling: Meddling,
): Promise<void> {
  if ((await meddling.before?.(request, response)) === true) return;
  const { method, url, headers } = request;
  const onward = forward({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
    const more = meddling.headers?.(request) ?? {};
    response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...more });
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}

async function makeLayout(folder: string, tags: readonly string[]): Promise<void> {
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  const put = async (bytes: Buffer): Promise<{ digest: string; size: number }> => {
    await writeFile(join(folder, "blobs/sha256", sha(bytes).slice(7)), bytes);
    return { digest: sha(bytes), size: bytes.length };
  };
  const manifests = [];
  for (const tag of tags) {
    const content = randomBytes(4096);
    const layer = await put(gzipSync(content));
    const rootfs = { type: "layers", diff_ids: [sha(content)] };
    const config = { architecture: "amd64", os: "linux", rootfs };
    const configBlob = await put(Buffer.from(JSON.stringify(config)));
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const manifest = {
      schemaVersion: 2,
      mediaType,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...configBlob },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...layer }],
    };
    const blob = await put(Buffer.from(JSON.stringify(manifest)));
    const annotations = { "org.opencontainers.image.ref.name": tag };
    manifests.push({ mediaType, ...blob, annotations });
  }
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** Digest of a tag of the lab's layout. */
export async function layoutDigest({ folder }: Lab, tag: string): Promise<string> {
  const index = JSON.parse(await readFile(join(folder, "layout/index.json"), "utf8")) as {
    manifests: { digest: string; annotations: Record<string, string> }[];
  };
  const found = index.manifests.find(
    ({ annotations }) => annotations["org.opencontainers.image.ref.name"] === tag,
  );
  if (found === undefined) throw new Error(`The layout has no '${tag}'.`);
  return found.digest;
}
