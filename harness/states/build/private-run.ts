/**
 * An installer on the host itself, as root, in mount and process namespaces of its own. They end with it, and it ends with
 * the harness, `kill -9` included: what it mounted, the loop devices it holds and all that it started are gone then
 * (unshare(1) --kill-child, setpriv(1) --pdeathsig; no clean-up has to run).
 */
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { HostUnfit } from "../../base/errors.ts";
import { formatBytes, formatDuration } from "../../base/units.ts";
import type { MakeOptions } from "../state.ts";
import { installEnded } from "./install-ended.ts";
import { followInstaller, stoodStill } from "./install-log.ts";
import { startWatchdog } from "./watchdog.ts";

export interface PrivateRun {
  /** How the image is called in messages. */
  readonly name: string;
  /** For sh(1). */
  readonly script: string;
  readonly args: readonly string[];
  /** What changes while the installer works, as a word; `log` is the file that takes what it says. */
  readonly look: (log: string) => Promise<string>;
  /** How long nothing of that may change. Milliseconds. */
  readonly stillMs: number;
  /** The whole of it. Milliseconds. */
  readonly limitMs: number;
  /** Most that it may say, bytes. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Variables of the harness's own environment that its programs get besides; an image's programs may read them. */
  readonly passes?: readonly string[];
  readonly tell: (stage: string) => void;
}

export interface PrivateEnd {
  readonly exitCode: number | null;
  /** The end of what it said, at most a megabyte. */
  readonly said: string;
  /** The file with all of it. */
  readonly log: string;
}

const keptBytes = 1024 * 1024;
const usualMaxBytes = 64 * 1024 * 1024;

/**
 * Begins a script: whatever ends it before it sets `begun` is the host's, with podman's own exit code for that
 * (podman-run(1), "Exit Status").
 */
export const guardedScript = `set -e
begun=
trap 'test -n "$begun" || exit 125' EXIT
`;

/** The words by which a script runs on its own. */
export const privateWords = [
  "--pdeathsig",
  "KILL",
  "--",
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
  "sh",
  "-c",
] as const;

/**
 * Runs the script to its end; its words go to `install.log` and are evidence. Throws CannotTell where the watchdog or the
 * time limit ended it or where it said too much, HostUnfit where it could not be started, and the abort reason.
 */
export async function runPrivately(run: PrivateRun, how: MakeOptions): Promise<PrivateEnd> {
  const { name, script, args, look, stillMs, limitMs, maxBytes = usualMaxBytes, tell } = run;
  const { passes = [] } = run;
  const log = join(how.directory, "install.log");
  const file = await open(log, "w");
  how.onEvidence({ kind: "installer", path: log });
  const tooMuch = new AbortController();
  const limit = AbortSignal.timeout(limitMs);
  using watchdog = startWatchdog({
    limitMs: stillMs,
    look: () => look(log),
    reason: () => stoodStill(name, stillMs, log),
  });
  const follower = followInstaller(log, tell);
  const child = execa("setpriv", [...privateWords, `exec 2>&1\n${script}`, "sh", ...args], {
    reject: false,
    buffer: false,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // What PID 1 of a namespace does not handle does not end it, so only SIGKILL is sure.
    killSignal: "SIGKILL",
    cancelSignal: AbortSignal.any([how.signal, watchdog.signal, tooMuch.signal, limit]),
    extendEnv: false,
    env: privateEnvironment(passes),
  });
  let written = 0;
  const keep = async (stream: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const bytes of stream) {
      if (written <= maxBytes) await file.writeFile(bytes);
      written += bytes.length;
      if (written > maxBytes) tooMuch.abort();
    }
  };
  // Only setpriv and unshare themselves still write to stderr.
  let complaint = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaint = `${complaint}${bytes.toString("utf8")}`.slice(-4096);
  });
  try {
    const keeping = keep(child.stdout).catch(() => undefined);
    const result = await child;
    if (result.exitCode === undefined) child.stdout.destroy();
    await keeping;
    await file.writeFile(complaint);
    how.signal.throwIfAborted();
    if (watchdog.signal.aborted) throw watchdog.signal.reason;
    const said = await endOf(log);
    const ended = (why: string): Error => installEnded(name, why, said, log);
    if (tooMuch.signal.aborted) throw ended(`it said more than ${formatBytes(maxBytes)}`);
    if (limit.aborted) throw ended(`its time of ${formatDuration(limitMs)} was over`);
    if (result.exitCode === undefined && result.signal === undefined)
      throw new HostUnfit("The installer could not be started on this host.", {
        details: { reason: result.shortMessage },
      });
    return { exitCode: result.exitCode ?? null, said, log };
  } finally {
    await follower.stop();
    await file.close();
  }
}

/** What a program needs to find its files. Tokens of a CI stand in its environment, and an image's programs run here as root. */
const needed = ["HOME", "USER", "TMPDIR"] as const;

const privateEnvironment = (passes: readonly string[]): Record<string, string> => ({
  ...Object.fromEntries(
    [...needed, ...passes].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  ),
  LC_ALL: "C.UTF-8",
  TERM: "dumb",
  PATH: pathOfRoot(),
});

/** Programs such as losetup are not in the PATH of every user. */
export const pathOfRoot = (): string => `${process.env.PATH ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;

async function endOf(path: string): Promise<string> {
  const text = await readFile(path);
  return text.subarray(Math.max(0, text.length - keptBytes)).toString("utf8");
}
