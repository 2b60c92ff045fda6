/** Stands in for npm, skopeo and the like on PATH: writes down its words and, as bootgate, a tiny run directory. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attemptCommand } from "../../harness/base/process.ts";

/** What a guest may have printed; nothing of it may ever run. */
export const hostile = '"; touch pwned; $(touch pwned) `touch pwned` ${PATH}\n::error::pwned';

const program = `#!/usr/bin/env node
const fs = require("node:fs");
const path = require("node:path");
const name = path.basename(process.argv[1]);
const words = process.argv.slice(2);
const { STUB_LOG, STUB_RUN = "0", STUB_VERDICT = "0", STUB_HOSTILE = "" } = process.env;
const env = { cache: process.env.XDG_CACHE_HOME ?? null };
const input = words.includes("--password-stdin") ? fs.readFileSync(0, "utf8") : null;
fs.appendFileSync(STUB_LOG, JSON.stringify({ name, words, env, input }) + "\\n");
if (name !== "npm" || words[0] !== "run") process.exit(0);
const [, , , , command, target] = words;
const after = (option, otherwise) => (words.includes(option) ? words[words.indexOf(option) + 1] : otherwise);
const id = "2026-11-21T07-31-00-abcd" + after("--shard", "").split("/")[0];
if (command === "run") {
  if (STUB_RUN === "dies") process.exit(3);
  // A mistake in the words is found before there is a run directory.
  if (STUB_RUN === "2") process.exit(2);
  const out = after("--out", "runs");
  fs.mkdirSync(path.join(out, id), { recursive: true });
  for (const file of ["events.jsonl", "junit.xml", "summary.md"])
    fs.writeFileSync(path.join(out, id, file), STUB_HOSTILE);
  const konflux = { result: "SUCCESS", timestamp: "2026-11-21T07:31:00Z", successes: 1, failures: 0, warnings: 0 };
  fs.writeFileSync(path.join(out, id, "konflux.json"), JSON.stringify(konflux));
  fs.rmSync(path.join(out, "latest"), { force: true });
  fs.symlinkSync(id, path.join(out, "latest"));
  process.exit(Number(STUB_RUN));
}
if (command === "merge") {
  if (process.env.STUB_MERGE === "2") process.exit(2);
  fs.mkdirSync(path.join(after("--out"), id), { recursive: true });
  fs.writeFileSync(path.join(after("--out"), id, "events.jsonl"), "");
  process.exit(Number(process.env.STUB_MERGE ?? 0));
}
if (command === "verdict") {
  if (!fs.existsSync(path.join(target, "events.jsonl"))) process.exit(2);
  fs.writeFileSync(path.join(target, "decision.json"), "{}");
  process.exit(Number(STUB_VERDICT));
}
if (command === "promote") process.exit(fs.existsSync(target) ? 0 : 2);
`;

/** Starts at once, since gitlab-ci-local asks it many things; knows nothing but the folder of `init` and `clone`. */
const git = `#!/bin/sh
for word; do :; done
if [ "$1" = init ]; then mkdir "$word"; fi
if [ "$1" = clone ]; then mkdir -p "$word"; fi
`;

/**
 * What gitlab-ci-local asks of rsync, done by cp: the files of a list or of one path, each under its path, or a folder.
 * `--delete` is how it lays out tracked files, of which there are none; it does so once more before after_script and
 * would throw away what the script made, which GitLab does not. It copies the artifacts of several jobs into one folder
 * at once: rsync bears that another makes a folder first and cp does not, so one waits for the other.
 */
const rsync = `#!/bin/sh
parents=; list=; from=; into=
for word; do
  case $word in
    --delete) exit 0 ;;
    --files-from=*) list=\${word#*=} ;;
    -*R*) parents=--parents ;;
  esac
  from=$into; into=$word
done
if [ -n "$list" ]; then exec xargs -d '\\n' flock "$into" cp -a --parents -t "$into" < "$list"; fi
exec flock "$into" cp -a $parents "$from" "$into"
`;

export interface Call {
  readonly name: string;
  readonly words: readonly string[];
  readonly env: { readonly cache: string | null };
  readonly input: string | null;
}

export interface Stubs {
  /** Runs a program in a folder with the stubs first on PATH; returns its exit code and what it said. */
  execute(
    words: readonly string[],
    where: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ): Promise<{ readonly exitCode: number; readonly said: string }>;
  calls(): Promise<readonly Call[]>;
}

export interface Behaviour {
  /** Exit code of `bootgate run`, or "dies": ends before it wrote anything. */
  readonly run?: number | "dies";
  /** Exit code of `bootgate merge`; 2: it refuses and writes nothing. */
  readonly merge?: number;
  /** Exit code of `bootgate verdict`. */
  readonly verdict?: number;
}

export async function createStubs(folder: string, behaviour: Behaviour): Promise<Stubs> {
  const bin = join(folder, "bin");
  const log = join(folder, "calls.jsonl");
  await mkdir(bin, { recursive: true });
  await writeFile(log, "");
  const silent = "#!/bin/sh\n";
  const quiet = { sudo: silent, "apt-get": silent, git, rsync };
  for (const [name, text] of Object.entries({
    npm: program,
    skopeo: program,
    ...quiet,
  })) {
    await writeFile(join(bin, name), text);
    await chmod(join(bin, name), 0o755);
  }
  const stubEnv = {
    PATH: `${bin}:${process.env.PATH ?? ""}`,
    STUB_LOG: log,
    STUB_RUN: String(behaviour.run ?? 0),
    STUB_MERGE: String(behaviour.merge ?? 0),
    STUB_VERDICT: String(behaviour.verdict ?? 0),
    STUB_HOSTILE: hostile,
  };
  return {
    async execute([file = "", ...args], { cwd, env }) {
      const options = { cwd, env: { ...env, ...stubEnv }, timeoutMs: 30_000 };
      const { exitCode, stdout, stderr } = await attemptCommand(file, args, options);
      return { exitCode, said: `${stdout}${stderr}` };
    },
    async calls() {
      const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as Call);
    },
  };
}

/** The bootgate commands among the calls, with their words: `["verdict", "runs/latest"]`. */
export const bootgateCalls = (calls: readonly Call[]): (readonly string[])[] =>
  calls
    .filter(({ name, words }) => name === "npm" && words[2] === "bootgate")
    .map(({ words }) => words.slice(4));
