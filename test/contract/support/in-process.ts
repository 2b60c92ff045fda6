/**
 * The command line inside the test's own process. It is the same `main` with the same words, so what it prints and its
 * exit code are the same; a start of Node for each of them would prove nothing more and takes most of a second. What a
 * process of its own adds, from `start.js` to the end by itself, is held by `command-line` and `command-endings`.
 */
import { main } from "../../../harness/cli/cli.ts";
import type { Ended } from "./command.ts";

/** `main`, with what it sets up for the rest of a process's life taken back when it has ended. */
export async function mainHere(argv: readonly string[]): Promise<number> {
  const emitters: readonly NodeJS.EventEmitter[] = [process, process.stdout, process.stderr];
  const names = ["uncaughtException", "unhandledRejection", "error"];
  const all = () =>
    emitters.flatMap((emitter) =>
      names.flatMap((name) =>
        emitter.listeners(name).map((listener) => ({ emitter, name, listener })),
      ),
    );
  const before = new Set(all().map(({ listener }) => listener));
  try {
    return await main(argv);
  } finally {
    for (const { emitter, name, listener } of all())
      if (!before.has(listener)) emitter.off(name, listener as () => void);
  }
}

let isBusy = false;

/**
 * As `bootgate` of `command.ts`, without a process. `env` replaces variables while it runs. Two at once would share an
 * output, so a second throws.
 */
export async function bootgateHere(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  if (isBusy) throw new Error("One command at a time: they would print into each other.");
  isBusy = true;
  const giveBack = replaceVariables({ NO_COLOR: "1", ...env });
  const stdout = listenTo(process.stdout);
  const stderr = listenTo(process.stderr);
  try {
    const code = await mainHere(["node", "bootgate", ...args]);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    for (const listening of [stdout, stderr]) listening.end();
    giveBack();
    isBusy = false;
  }
}

/** Sets variables of this process and returns how to undo it. */
function replaceVariables(env: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  return () => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  };
}

interface Listening {
  text(): string;
  end(): void;
}

/** Takes what is written to a stream instead of it. */
function listenTo(stream: NodeJS.WriteStream): Listening {
  const { write } = stream;
  const pieces: Buffer[] = [];
  stream.write = (piece: Uint8Array | string, ...rest: readonly unknown[]): boolean => {
    pieces.push(Buffer.from(piece as string));
    for (const written of rest) if (typeof written === "function") process.nextTick(written);
    return true;
  };
  return {
    text: () => Buffer.concat(pieces).toString(),
    end: () => {
      stream.write = write;
    },
  };
}
