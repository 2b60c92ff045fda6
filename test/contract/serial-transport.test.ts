/** The serial transport against real shells on real terminals: good lines, lines with the kernel's words on them, and bad ones. */
import { describe, expect, test } from "vitest";
import { cksum } from "../../harness/guest/serial/cksum.ts";
import { logIn } from "../../harness/guest/serial/login.ts";
import { SerialTransport } from "../../harness/guest/serial/serial-transport.ts";
import { PtyConsole, type PtyOptions } from "./support/pty-console.ts";

const signal = new AbortController().signal;
const limits = { timeoutMs: 20_000, maxBytes: 4 * 1024 * 1024, signal };

async function connect(options: PtyOptions = {}) {
  const console = new PtyConsole(options);
  const account = { user: "root", password: null };
  const result = await logIn({ console, account, scale: 1, signal });
  if ("why" in result) {
    const { log } = console;
    await console[Symbol.asyncDispose]();
    throw new Error(`${result.why}\n${log}`);
  }
  const transport = new SerialTransport(result.line);
  return {
    console,
    transport,
    async [Symbol.asyncDispose]() {
      transport.end();
      await console[Symbol.asyncDispose]();
    },
  };
}

test("the checksum is that of cksum(1)", () => {
  expect(cksum(Buffer.from(""))).toBe(4294967295);
  expect(cksum(Buffer.from("123456789"))).toBe(930766865);
});

describe.each(["/bin/dash", "/bin/bash"])("a shell on a good line: %s", (shell) => {
  test("gives output, error output and exit code as they are", async () => {
    await using at = await connect({ argv: [shell, "-i"] });
    const said = await at.transport.exec("echo out; echo err >&2; exit 3", limits);
    expect(said).toMatchObject({
      stdout: "out\n",
      stderr: "err\n",
      exitCode: 3,
      truncated: false,
      timedOut: false,
      lost: null,
    });
    expect(await at.transport.exec("true", limits)).toMatchObject({ stdout: "", exitCode: 0 });
    expect(await at.transport.exec("kill -9 $$", limits)).toMatchObject({ exitCode: 137 });
  });
});
