import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { ExpectationFailed } from "../../harness/base/errors.ts";
import { runLines } from "../../harness/cli/terminal/channel-shell.ts";
import { holdForEnter, holdForTime } from "../../harness/cli/terminal/hold.ts";
import type { EvidenceSource } from "../../harness/engine/evidence.ts";
import { RootChannel } from "../../harness/guest/channel/root-channel.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { ShellPort } from "./support/shell-port.ts";

const never = new AbortController().signal;

/** A person's terminal: what is typed, and what was shown. */
function person(...lines: string[]) {
  const input = new PassThrough();
  const output = new PassThrough();
  input.end(lines.map((line) => `${line}\n`).join(""));
  const shown = async (): Promise<string> => {
    output.end();
    return text(output);
  };
  return { streams: { input, output }, shown };
}

const source = (port: ShellPort | null): EvidenceSource => ({
  name: "candidate",
  machine: {
    port,
    console: { path: "console.log" },
    sshAddress: async () => ({ host: "127.0.0.1", port: 22022 }),
  } as unknown as Machine,
  guest: null,
  directory: "",
  login: { key: { privateKey: "", publicKey: "" }, timeScale: 1 },
});

describe("a shell over the root channel", () => {
  test("runs each line, shows what it said and how it ended, and leaves by 'exit'", async () => {
    using port = new ShellPort().start();
    const channel = new RootChannel(port, 1);
    const { streams, shown } = person(
      "printf hello",
      "",
      "echo bad >&2; exit 3",
      "exit",
      "echo no",
    );
    const isLast = (line: string) => line === "exit";
    await runLines({ ...streams, channel, prompt: "# ", signal: never, isLast });
    expect(await shown()).toBe("# hello\n# # bad\n[exit code 3]\n# ");
  });

  test("shows no control characters of a guest, and ends with its input", async () => {
    using port = new ShellPort().start();
    const channel = new RootChannel(port, 1);
    const { streams, shown } = person("printf '\\033]0;title\\007red\\033[2J'");
    await runLines({ ...streams, channel, prompt: "", signal: never, isLast: () => false });
    expect(await shown()).toBe("red\n");
  });

  test("ends with the run", async () => {
    using port = new ShellPort().start();
    const stopper = new AbortController();
    const output = new PassThrough();
    const waiting = runLines({
      channel: new RootChannel(port, 1),
      input: new PassThrough(),
      output,
      prompt: "# ",
      signal: stopper.signal,
      isLast: () => false,
    });
    stopper.abort();
    await waiting;
  });
});

describe("a failure that a person may look at", () => {
  const error = new ExpectationFailed("no");

  test("takes commands over the root channel until Enter", async () => {
    using port = new ShellPort().start();
    const said: string[] = [];
    const { streams, shown } = person("echo journal", "", "echo no");
    await holdForEnter((line) => void said.push(line), never, streams)([source(port)], error);
    expect(said.join("\n")).toMatch(
      /ssh -i .*\n.*console\.log\n.*SSH does not answer.*root channel/,
    );
    expect(await shown()).toMatch(/or type a command for 'candidate'.*journal\n/);
  });

  test("ends with the first line where there is no root channel, and with the input", async () => {
    for (const lines of [["", "x"], ["x", "y"], []]) {
      const said: string[] = [];
      const { streams, shown } = person(...lines);
      await holdForEnter((line) => void said.push(line), never, streams)([source(null)], error);
      expect(said.join("\n")).not.toContain("root channel");
      expect(await shown()).toBe("Press Enter to end the guest and go on. ");
    }
  });

  test("that is kept for a while says how the root channel is reached", async () => {
    using port = new ShellPort().start();
    const said: string[] = [];
    await holdForTime((line) => void said.push(line), 1, never)([source(port)], error);
    expect(said.join("\n")).toContain("--pause-on-failure takes commands over its root channel");
  });
});
