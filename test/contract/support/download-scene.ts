// A server, a cache and a small disk for tests of downloads.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createWorkspace } from "../../../harness/base/workspace.ts";
import type { DownloadOptions } from "../../../images/origins/download.ts";
import { gptDisk } from "./disks.ts";
import { type Answer, serve, type TestServer } from "./https-server.ts";

/** SHA-256 in hex. */
export const sha = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
/** A compressed disk of a few kilobytes. */
export const content = gzipSync(gptDisk());

export interface Scene extends AsyncDisposable {
  readonly server: TestServer;
  readonly cacheDir: string;
  readonly lines: string[];
  readonly options: (more?: Partial<DownloadOptions>) => DownloadOptions;
}

/** A server with this answer, and options for downloads from it; `hasExpired` as `serve` has it. */
export async function scene(answer: Answer, hasExpired = false): Promise<Scene> {
  const folder = await createWorkspace("download");
  const server = await serve(folder.path, answer, hasExpired);
  const { signal } = new AbortController();
  const cacheDir = join(folder.path, "cache");
  const lines: string[] = [];
  return {
    server,
    cacheDir,
    lines,
    options: (more) => ({
      url: new URL(`${server.origin}/os.raw.gz?key=secret`),
      sha256: sha(content),
      cacheDir,
      signal,
      onProgress: (line) => lines.push(line),
      ca: server.ca,
      pauseMs: 1,
      ...more,
    }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
