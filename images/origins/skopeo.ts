/**
 * Runs skopeo: for a document (its bytes, exactly), and for a copy of many gigabytes, watched. Credentials never pass
 * through here: skopeo reads the files that podman has (containers-auth.json(5)), and only the name of one is on its
 * command line. Each process dies with the harness.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { type ExitFacts, type OwnedProcess, startProcess } from "../../harness/base/process.ts";
import { type Digest, formatDuration } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";
import type { Architecture } from "../image.ts";
import { explainSkopeo, type Fault, type FaultContext } from "./skopeo-faults.ts";
import { SkopeoLog } from "./skopeo-log.ts";

/** How registries are reached, in the words of podman and skopeo. */
export interface RegistryAccess {
  /** A file of credentials instead of the usual ones. */
  readonly authFile?: string;
  /** A folder with ca.crt, and client.cert and client.key (containers-certs.d(5)). */
  readonly certDir?: string;
  /** False: HTTP without TLS, or a certificate that nobody trusts. Default: true. */
  readonly tlsVerify?: boolean;
}

export interface SkopeoLimits {
  /** A document has to come within this time, milliseconds. What skopeo waits because a registry says so does not count. */
  readonly documentMs: number;
  /** A copy has to move within this time, milliseconds. The same does not count. */
  readonly stallMs: number;
  /** Pauses before the second, third, … try of what may work a moment later. */
  readonly pausesMs: readonly number[];
}
export const usualLimits: SkopeoLimits = {
  documentMs: 120_000,
  stallMs: 120_000,
  pausesMs: [2000, 8000],
};

export interface SkopeoOptions {
  readonly access: RegistryAccess;
  readonly limits: SkopeoLimits;
  readonly context: FaultContext;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

const maxDocumentBytes = 4 * 1024 * 1024;
/** No copy takes longer than this, however slowly it moves. */
const copyTimeoutMs = 6 * 3_600_000;

/** The words that hand the access on; `prefix` is `src-` for a copy. */
export const accessWords = (
  { authFile, certDir, tlsVerify }: RegistryAccess,
  prefix: "" | "src-",
): readonly string[] => [
  ...(authFile === undefined ? [] : [`--${prefix}authfile=${authFile}`]),
  ...(certDir === undefined ? [] : [`--${prefix}cert-dir=${certDir}`]),
  ...(tlsVerify === false ? [`--${prefix}tls-verify=false`] : []),
];

/** Refuses files that are named and not there: skopeo would go on without them and tell of the consequences only. */
export async function checkAccess({ authFile, certDir }: RegistryAccess): Promise<void> {
  const isA = async (path: string, what: "isFile" | "isDirectory"): Promise<boolean> =>
    stat(path).then(
      (facts) => facts[what](),
      () => false,
    );
  if (authFile !== undefined && !(await isA(authFile, "isFile"))) {
    throw new UsageError(`The file of credentials '${authFile}' does not exist.`);
  }
  if (certDir !== undefined && !(await isA(certDir, "isDirectory"))) {
    throw new UsageError(`The folder of certificates '${certDir}' does not exist.`);
  }
}

/** A manifest (`inspect --raw`) or a configuration (`inspect --raw --config`), to the byte. */
export function readRaw(
  image: string,
  what: "manifest" | "config",
  options: SkopeoOptions,
): Promise<Uint8Array> {
  const words = ["inspect", "--raw", ...(what === "config" ? ["--config"] : [])];
  return withTries(options, async () => {
    const { limits, signal, context } = options;
    const argv = ["--debug", ...words, ...accessWords(options.access, ""), image];
    const log = new SkopeoLog(tellWait(options));
    const parts: Buffer[] = [];
    let size = 0;
    const onOutput = (text: string): void => {
      size += text.length;
      if (size <= maxDocumentBytes) parts.push(Buffer.from(text, "latin1"));
    };
    await using child = startProcess("skopeo", argv, {
      onOutput,
      onError: (text) => log.hear(text),
    });
    const stillness = { log, limitMs: limits.documentMs, intervalMs: 50 };
    const ended = await watch(child, stillness, options);
    signal.throwIfAborted();
    if (ended === "stalled") return stalled(context, limits.documentMs);
    if (size > maxDocumentBytes) {
      throw new UsageError(`What '${context.name}' stands for is larger than 4 MiB.`);
    }
    return ended.exitCode === 0 ? Buffer.concat(parts) : faultOf(ended, log, context);
  });
}

const tellWait =
  ({ context, onProgress }: SkopeoOptions) =>
  (ms: number): void =>
    onProgress(
      `The registry '${context.host ?? "unknown"}' takes no more requests from here for now. Trying again in ${formatDuration(ms)}.`,
    );

const faultOf = ({ startError }: ExitFacts, log: SkopeoLog, context: FaultContext): Fault =>
  explainSkopeo(startError === undefined ? log.words : "failed to execute skopeo", context);

export interface CopyOptions extends SkopeoOptions {
  /** In skopeo's words, with its transport. */
  readonly from: string;
  /** Folder for this copy alone: the layout and all temporary files come to lie in it. */
  readonly draft: string;
  /** Folder of the blobs that all images share. */
  readonly blobs: string;
  readonly words: readonly string[];
  /** Which image of an index is meant. Absent: the source names one image. */
  readonly platform?: Architecture;
  /** The blobs that are to come, as far as they are known. */
  readonly wanted?: readonly { readonly digest: Digest; readonly size: number }[];
  /** Hears now and then how many bytes of them are here. */
  readonly onBytes?: (bytes: number) => void;
}

/** Tag of the image in the layout of a draft. */
export const draftTag = "image";

/** Copies into a layout in the draft. A whole blob comes to `blobs` at once, so what a killed copy had is not lost. */
export async function copyImage(options: CopyOptions): Promise<void> {
  await withTries(options, async () => {
    const { from, draft, blobs, words, platform, access, context } = options;
    const argv = [
      "--debug",
      "--insecure-policy",
      `--tmpdir=${draft}`,
      ...(platform === undefined
        ? []
        : ["--override-os=linux", `--override-arch=${platform === "x86_64" ? "amd64" : "arm64"}`]),
      "copy",
      "--quiet",
      "--remove-signatures",
      `--dest-shared-blob-dir=${blobs}`,
      "--dest-oci-accept-uncompressed-layers",
      ...words,
      ...accessWords(access, "src-"),
      from,
      `oci:${join(draft, "layout")}:${draftTag}`,
    ];
    await rm(join(draft, "layout"), { recursive: true, force: true });
    const log = new SkopeoLog(tellWait(options));
    await using child = startProcess("skopeo", argv, { onError: (text) => log.hear(text) });
    const moved = (): Promise<string> => bytesMoved(options);
    const stillness = { log, limitMs: options.limits.stallMs, intervalMs: 250, moved };
    const ended = await watch(child, stillness, options);
    // Ctrl-C reaches skopeo too, and its last words would say nothing.
    options.signal.throwIfAborted();
    if (ended === "stalled") return stalled(context, options.limits.stallMs);
    return ended.exitCode === 0 ? true : faultOf(ended, log, context);
  });
}

interface Stillness {
  readonly log: SkopeoLog;
  /** So long nothing may come, milliseconds. */
  readonly limitMs: number;
  readonly intervalMs: number;
  /** Another text each time that something came. Absent: nothing comes before the end. */
  readonly moved?: () => Promise<string>;
}

/** Waits for the end for as long as something comes, or skopeo waits because a registry says so. */
async function watch(
  { exited }: OwnedProcess,
  { log, limitMs, intervalMs, moved }: Stillness,
  { context, signal }: SkopeoOptions,
): Promise<ExitFacts | "stalled"> {
  let ended: ExitFacts | undefined;
  void exited.then((facts) => {
    ended = facts;
  });
  let seen = "";
  let movedAt = performance.now();
  return waitFor<ExitFacts | "stalled">({
    what: `'${context.name}' to come`,
    probe: async () => {
      if (ended !== undefined) return ended;
      const now = (await moved?.()) ?? seen;
      if (now !== seen) movedAt = performance.now();
      seen = now;
      const still = performance.now() - Math.max(movedAt, log.waitsUntil);
      return still > limitMs ? "stalled" : undefined;
    },
    timeoutMs: copyTimeoutMs,
    onTimeout: () =>
      new HostUnfit(`'${context.name}' was not copied within ${formatDuration(copyTimeoutMs)}.`),
    intervalMs,
    signal,
  });
}

/** What there is of a copy now; tells it, too. */
async function bytesMoved({ draft, blobs, wanted = [], onBytes }: CopyOptions): Promise<string> {
  const underWay = await bytesBelow(draft);
  const whole = new Set(await readdir(join(blobs, "sha256")).catch(() => []));
  const there = wanted.filter(({ digest }) => whole.has(digest.slice("sha256:".length)));
  onBytes?.(there.reduce((sum, { size }) => sum + size, underWay));
  return `${underWay} ${whole.size}`;
}

/** Bytes of all files in a folder and those below it. Files that go away meanwhile do not count. */
async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      stat(join(parentPath, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function stalled(context: FaultContext, limitMs: number): Fault {
  const place = context.host === null ? `'${context.name}'` : `The registry '${context.host}'`;
  const error = new HostUnfit(`${place} did not send anything for ${formatDuration(limitMs)}.`, {
    details: { image: context.name, "to do": "see whether the registry and the network are well" },
  });
  return { id: "stalled", error, again: true };
}

const isFault = (value: unknown): value is Fault =>
  typeof value === "object" && value !== null && "again" in value && "error" in value;

async function withTries<T extends Uint8Array | true>(
  { limits, signal, onProgress }: SkopeoOptions,
  attempt: () => Promise<T | Fault>,
): Promise<T> {
  for (const pauseMs of [...limits.pausesMs, null]) {
    const result = await attempt();
    if (!isFault(result)) return result;
    if (!result.again || pauseMs === null) throw result.error;
    onProgress(`${result.error.headline} Trying again in ${formatDuration(pauseMs)}.`);
    await delay(pauseMs, undefined, { signal });
  }
  throw new TypeError("The last try returns or throws.");
}
