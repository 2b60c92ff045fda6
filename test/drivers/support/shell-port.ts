// A guest's port with a real shell of this host behind it, so that the root channel's protocol meets what will read it.

import { type ChildProcess, spawn } from "node:child_process";
import type { GuestPort } from "../../../harness/machine/machine.ts";

export class ShellPort implements GuestPort, Disposable {
  readonly sent: string[] = [];
  hangUps = 0;
  /** Files of the guest that this host has others in the place of. */
  readonly files = new Map<string, string>();
  readonly #shell: string;
  readonly #onChange = new Set<(listens: boolean) => void>();
  readonly #onData = new Set<(bytes: Buffer) => void>();
  #child: ChildProcess | null = null;
  #restarts = false;
  /** What its shell was started with. */
  env: NodeJS.ProcessEnv = process.env;

  constructor(shell = "/bin/sh") {
    this.#shell = shell;
  }

  get guestListens(): boolean {
    return this.#child !== null;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The guest's unit starts. */
  start(env: NodeJS.ProcessEnv = process.env): this {
    this.env = env;
    const child = spawn(this.#shell, { stdio: ["pipe", "pipe", "ignore"], env, detached: true });
    child.stdin.on("error", () => undefined);
    child.stdout.on("data", (bytes: Buffer) => this.say(bytes));
    child.once("exit", () => {
      // What systemd does to what is left of a unit that is restarted.
      killGroup(child);
      if (this.#child !== child) return;
      this.#change(null);
      if (this.#restarts) this.start(env);
    });
    this.#change(child);
    return this;
  }

  /** Bytes from the guest's side, no matter who wrote them. */
  say(bytes: Buffer): void {
    for (const listener of [...this.#onData]) listener(bytes);
  }

  /** The guest's shell dies, and no other one comes. */
  stop(): void {
    const child = this.#child;
    if (child === null) return;
    this.#change(null);
    killGroup(child);
  }

  #change(child: ChildProcess | null): void {
    this.#child = child;
    for (const listener of [...this.#onChange]) listener(child !== null);
  }

  onChange(listener: (listens: boolean) => void): () => void {
    this.#onChange.add(listener);
    return () => void this.#onChange.delete(listener);
  }

  onData(listener: (bytes: Buffer) => void): () => void {
    this.#onData.add(listener);
    return () => void this.#onData.delete(listener);
  }

  send(text: string): void {
    this.sent.push(text);
    let line = text;
    for (const [inGuest, here] of this.files) line = line.replaceAll(inGuest, here);
    this.#child?.stdin?.write(line);
  }

  hangUp(): void {
    this.hangUps++;
    this.#restarts = true;
    this.#child?.stdin?.end();
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing is left of it.
  }
}
