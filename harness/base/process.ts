/**
 * Child processes of the harness. Every long-lived child is started under `setpriv --pdeathsig KILL` (util-linux), so
 * the kernel ends it the moment the harness dies, `kill -9` included; no daemon and no clean-up run is needed for that.
 */
import type { Writable } from "node:stream";
import { execa, type Options } from "execa";
import { HostUnfit } from "./errors.ts";
import { maskSecrets } from "./secrets.ts";

/** A finished short command. */
export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface CommandOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes of output kept; more ends the command. Default 16 MiB. */
  readonly maxBytes?: number;
  /** What ends the command when it is aborted or its time is up. Default SIGTERM, and SIGKILL five seconds later. */
  readonly endSignal?: "SIGKILL";
}

function toExeca(options: CommandOptions): Options {
  return {
    reject: false,
    timeout: options.timeoutMs ?? 600_000,
    maxBuffer: options.maxBytes ?? 16 * 1024 * 1024,
    stripFinalNewline: true,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.endSignal === undefined ? {} : { killSignal: options.endSignal }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
  };
}

/** Runs a host command to its end and returns the result with its exit code. Throws HostUnfit when it cannot be started or ran out of time. */
export async function attemptCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const result = await execa(file, [...args], toExeca(options));
  options.signal?.throwIfAborted();
  if (result.exitCode === undefined) {
    const missing = result.code === "ENOENT";
    throw new HostUnfit(
      missing ? `The host has no command '${file}'.` : `The host command '${file}' did not finish.`,
      {
        cause: result,
        details: { command: [file, ...args].join(" ").slice(0, 1000), reason: result.shortMessage },
        lookAt: missing ? "npm run -s bootgate -- doctor" : undefined,
      } as ConstructorParameters<typeof HostUnfit>[1],
    );
  }
  return {
    stdout: String(result.stdout),
    stderr: String(result.stderr),
    exitCode: result.exitCode,
  };
}

/** Runs a host command that has to succeed. Throws HostUnfit with the end of its error output. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const output = await attemptCommand(file, args, options);
  if (output.exitCode === 0) return output;
  throw new HostUnfit(`The host command '${file}' ended with exit code ${output.exitCode}.`, {
    details: {
      command: [file, ...args].join(" ").slice(0, 1000),
      // Before it is cut: what hides a secret may stand in front of it.
      said: maskSecrets(output.stderr || output.stdout).slice(-2000),
    },
  });
}

/** A child that lives as long as its owner wants, and never longer than the harness. */
export interface OwnedProcess extends AsyncDisposable {
  readonly pid: number;
  /** Its stdin, where `hasInput` asked for it. */
  readonly input: Writable | null;
  /** Settles with the exit facts when the child has ended; never rejects. */
  readonly exited: Promise<ExitFacts>;
  /** True until the child has ended. */
  isRunning(): boolean;
  /** Ends it: SIGTERM, then SIGKILL after `graceMs`. Returns when it is gone. */
  stop(graceMs?: number): Promise<ExitFacts>;
  /** Kills it at once. Returns when it is gone. */
  kill(): Promise<ExitFacts>;
}

export interface ExitFacts {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The end of what it wrote to stderr, at most 16 KiB. */
  readonly stderrTail: string;
  /** Set when the program could not be started at all. */
  readonly startError?: string;
}

const tailBytes = 16 * 1024;

export interface StartOptions {
  /** Hears what it writes to stdout, which is otherwise thrown away. */
  readonly onOutput?: (text: string) => void;
  /** Hears what it writes to stderr. */
  readonly onError?: (text: string) => void;
  /** An open file that takes its stdout instead; the caller may close its own when this returns. */
  readonly outputFile?: number;
  /** It has a stdin that can be written to (`OwnedProcess.input`). */
  readonly hasInput?: boolean;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Open files that the child gets as 3, 4, …; the caller may close its own when this returns. */
  readonly descriptors?: readonly number[];
}

const stdoutOf = ({ outputFile, onOutput }: StartOptions): "pipe" | "ignore" =>
  outputFile === undefined
    ? onOutput === undefined
      ? "ignore"
      : "pipe"
    : (outputFile as unknown as "pipe");

/** Starts a long-lived child that dies with the harness. Its output is drained; the end of stderr is kept. */
export function startProcess(
  file: string,
  args: readonly string[],
  options: StartOptions = {},
): OwnedProcess {
  // Descriptors may be numbers as in Node; execa's types only know the first three.
  const more = (options.descriptors ?? []) as unknown as "pipe"[];
  const child = execa("setpriv", ["--pdeathsig", "KILL", "--", file, ...args], {
    reject: false,
    buffer: false,
    stdio: [options.hasInput === true ? "pipe" : "ignore", stdoutOf(options), "pipe", ...more],
    cleanup: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
  });
  let tail = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    const text = chunk.toString("latin1");
    tail = (tail + text).slice(-tailBytes);
    options.onError?.(text);
  });
  child.stdout?.on("data", (chunk: Buffer) => options.onOutput?.(chunk.toString("latin1")));
  // A child that has ended does not read on; its exit says so.
  child.stdin?.on("error", () => undefined);
  let running = true;
  const exited = child.then((result): ExitFacts => {
    running = false;
    const facts = {
      exitCode: result.exitCode ?? null,
      signal: result.signal ?? null,
      stderrTail: tail,
    };
    const failedToStart = result.exitCode === undefined && result.signal === undefined;
    return failedToStart ? { ...facts, startError: String(result.originalMessage) } : facts;
  });
  const kill = async (): Promise<ExitFacts> => {
    if (running) child.kill("SIGKILL");
    return exited;
  };
  const stop = async (graceMs = 3000): Promise<ExitFacts> => {
    if (running) child.kill("SIGTERM");
    const timer = setTimeout(() => running && child.kill("SIGKILL"), graceMs);
    const facts = await exited;
    clearTimeout(timer);
    return facts;
  };
  return {
    pid: child.pid ?? -1,
    input: options.hasInput === true ? child.stdin : null,
    exited,
    isRunning: () => running,
    stop,
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
    },
  };
}
