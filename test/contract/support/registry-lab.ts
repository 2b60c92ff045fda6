// Real registries to pull from: one in the open behind a proxy that may meddle, and one behind TLS and a password.
import { chmod, mkdir, writeFile } from "node:fs/promises";
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { findRegistryProgram, startRegistry } from "../../../fixtures/registry-process.ts";
import { freePort } from "../../../harness/base/free-port.ts";
import { type OwnedProcess, runCommand, startProcess } from "../../../harness/base/process.ts";
import { waitFor } from "../../../harness/base/wait.ts";
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

export interface GuardedRegistry extends AsyncDisposable {
  readonly host: string;
  /** Holds its certificate as ca.crt. */
  readonly certDir: string;
  /** Credentials that it takes, and ones that it does not take. */
  readonly authFile: string;
  readonly wrongAuthFile: string;
  push(image: MadeImage, nameAndTag: string): Promise<void>;
}

/** bcrypt of `pw` (crypt(5), made with a fixed salt); docker-registry reads nothing else in an htpasswd file. */
const passwordHash = "$2y$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q";
export const password = "pw";

/** The real registry with TLS and htpasswd, in a folder of the caller's. */
export async function startGuardedRegistry(folder: string): Promise<GuardedRegistry> {
  const certDir = join(folder, "certs");
  await mkdir(certDir, { recursive: true });
  const certificate = join(certDir, "ca.crt");
  const key = join(folder, "key.pem");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const files = ["-keyout", key, "-out", certificate, "-days", "2"];
  await runCommand("openssl", ["req", ...kind, ...files, ...subject]);
  await writeFile(join(folder, "htpasswd"), `me:${passwordHash}\n`);
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "guarded") } },
    auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } },
    http: { addr: host, tls: { certificate, key } },
  };
  await writeFile(join(folder, "guarded.yml"), JSON.stringify(config));
  const child = startProcess(await findRegistryProgram(), ["serve", join(folder, "guarded.yml")]);
  const auth = async (name: string, secret: string): Promise<string> => {
    const path = join(folder, name);
    const entry = { auth: Buffer.from(`me:${secret}`).toString("base64") };
    await writeFile(path, JSON.stringify({ auths: { [host]: entry } }));
    await chmod(path, 0o600);
    return path;
  };
  const authFile = await auth("auth.json", password);
  await answers(child, host, certDir);
  return {
    host,
    certDir,
    authFile,
    wrongAuthFile: await auth("wrong.json", "not-the-password"),
    push: (image, nameAndTag) =>
      push(image, `${host}/${nameAndTag}`, [
        `--dest-cert-dir=${certDir}`,
        `--dest-authfile=${authFile}`,
      ]),
    [Symbol.asyncDispose]: async () => {
      await child.kill();
    },
  };
}

/** Waits until it says that it wants credentials. */
async function answers(child: OwnedProcess, host: string, certDir: string): Promise<void> {
  await waitFor({
    what: "the guarded registry to answer",
    probe: async () => {
      const asked = await runCommand("sh", [
        "-c",
        `skopeo inspect --raw --no-creds --cert-dir=${certDir} docker://${host}/none:none 2>&1 || true`,
      ]);
      return /unauthorized/.test(asked.stdout) ? true : undefined;
    },
    timeoutMs: 20_000,
    signal,
    giveUpWhen: child.exited.then((facts) => {
      throw new Error(`The guarded registry ended: ${facts.stderrTail}`);
    }),
  });
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
