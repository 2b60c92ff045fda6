/** A machine's console with a real shell of this host on a real terminal behind it, and a line between them that can be made bad. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BootStage, StageMark } from "../../../harness/machine/console/console.ts";

/** What the line does to bytes on their way. */
export type Spoil = (bytes: Buffer) => Buffer;

export interface PtyOptions {
  /** Program and arguments; default an interactive shell. */
  readonly argv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** On the way to the harness. */
  readonly spoil?: Spoil;
  /** On the way to the guest. */
  readonly spoilTyped?: Spoil;
}

export class PtyConsole implements AsyncDisposable {
  readonly path: string;
  stage: BootStage = "userspace";
  readonly typed: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "bootgate-pty-"));
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  readonly #listeners = new Set<(mark: StageMark) => void>();
  spoil: Spoil;
  spoilTyped: Spoil;

  constructor({ argv = ["/bin/sh", "-i"], env = process.env, ...spoils }: PtyOptions = {}) {
    this.path = join(this.#folder, "console.log");
    writeFileSync(this.path, "");
    this.spoil = spoils.spoil ?? ((bytes) => bytes);
    this.spoilTyped = spoils.spoilTyped ?? ((bytes) => bytes);
    const program = join(import.meta.dirname, "serial_pty.py");
    this.#child = spawn("python3", [program, ...argv], { stdio: ["pipe", "pipe", "inherit"], env });
    this.#child.stdin?.on("error", () => undefined);
    this.#gone = once(this.#child, "close");
    this.#child.stdout?.on("data", (bytes: Buffer) => this.say(this.spoil(bytes)));
  }

  /** Resolves once the program has said something: before that, what is typed may meet this host's own programs. */
  async spoken(): Promise<this> {
    while (this.log === "") await new Promise((resolve) => setTimeout(resolve, 10));
    return this;
  }

  /** Words that are on the console, no matter from whom. */
  say(bytes: Uint8Array | string): void {
    appendFileSync(this.path, bytes);
  }

  async type(text: string): Promise<void> {
    this.typed.push(text);
    this.#child.stdin?.write(this.spoilTyped(Buffer.from(text)));
  }

  onStage(listener: (mark: StageMark) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The guest starts again. */
  reach(stage: BootStage): void {
    this.stage = stage;
    for (const listener of [...this.#listeners]) listener({ stage, sinceMs: 0 });
  }

  said(count: number): readonly string[] {
    return this.log.split(/\r?\n/).slice(-count);
  }

  get log(): string {
    return readFileSync(this.path, "latin1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#gone;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
