/** A Python program that is asked in lines of JSON and answers each with one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface PythonLines {
  /** Tells it something that it does not answer. */
  write(value: unknown): void;
  /** @returns Its answer. @throws {Error} When it ended or complained instead, with its words. */
  ask(value: unknown): Promise<unknown>;
  /** Ends it and waits until it is gone. */
  end(): Promise<void>;
}

/** Starts the program `file`; it ends by itself when its stdin does. */
export function startPython(file: string): PythonLines {
  const child = spawn("python3", [file], { stdio: ["pipe", "pipe", "pipe"] });
  const gone = once(child, "close");
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const write = (value: unknown): void => {
    child.stdin.write(`${JSON.stringify(value)}\n`);
  };
  return {
    write,
    async ask(value) {
      write(value);
      const line = await lines.next();
      if (line.done === true) await gone;
      if (line.done === true || complaint !== "") throw new Error(`${file}: ${complaint}`);
      return JSON.parse(line.value) as unknown;
    },
    async end() {
      child.stdin.end();
      await gone;
    },
  };
}
