/** Programs in a PID namespace of their own, as in a container. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const ways = [unshare, [...unshare, "--map-root-user"]];

/** How this host lets us make a namespace. Where it does not, the test is skipped by hand and fails in CI: nothing is proved there. */
export function namespaceWay(skip: (reason: string) => never): readonly string[] {
  const way = ways.find(([file = "", ...args]) => spawnSync(file, [...args, "true"]).status === 0);
  if (way !== undefined) return way;
  const reason = "This host lets nobody make a PID namespace (unshare --pid --map-root-user).";
  if (process.env.CI === undefined) return skip(reason);
  throw new Error(reason);
}

/** A script below `support/` that runs until it is killed, with the lines that it says. */
export class Script implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  #heard: () => void = () => undefined;

  constructor(
    name: string,
    args: readonly string[],
    { way = [], env = {} }: { way?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
  ) {
    const script = join(import.meta.dirname, name);
    const [file = "", ...rest] = [...way, process.execPath, "--import", "tsx", script, ...args];
    this.child = spawn(file, rest, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    if (this.child.stdout === null) throw new TypeError("It has an output.");
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.lines.push(line);
      this.#heard();
    });
  }

  /** The line number `index` from 0, when it has been said. */
  async line(index: number): Promise<string> {
    for (;;) {
      const said = this.lines[index];
      if (said !== undefined) return said;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    // Its output ends with the last process of its namespace, which may outlive the one that we started by a moment.
    const gone = once(this.child, "close");
    this.child.kill("SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
