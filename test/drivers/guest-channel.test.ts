import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { RootChannel } from "../../harness/guest/channel/root-channel.ts";
import type { ExecLimits } from "../../harness/guest/transport.ts";
import { ShellPort } from "./support/shell-port.ts";

const limits: ExecLimits = {
  timeoutMs: 20_000,
  maxBytes: 1024 * 1024,
  signal: new AbortController().signal,
};

/** A killed process is seen for a moment more on a busy host. */
const isGone = (command: string): Promise<void> =>
  vi.waitFor(
    () => expect(spawnSync("pgrep", ["-fx", command], { encoding: "utf8" }).stdout).toBe(""),
    { timeout: 5000, interval: 50 },
  );

const shells = ["/bin/dash", "/bin/bash", "/bin/busybox"].filter((path) => existsSync(path));

describe.each(shells)("over %s", (shell) => {
  test("output, error output and exit code come apart", async () => {
    using port = new ShellPort(shell).start();
    const channel = new RootChannel(port, 1);
    const result = await channel.exec("echo out; echo err >&2; exit 7", limits);
    expect(result).toMatchObject({
      stdout: "out\n",
      stderr: "err\n",
      exitCode: 7,
      lost: null,
      timedOut: false,
      truncated: false,
    });
    expect(channel.hasAnswered).toBe(true);
  });

  test("any bytes, quotes and input come through", async () => {
    using port = new ShellPort(shell).start();
    const channel = new RootChannel(port, 1);
    const input = `a'b"c$HOME \`id\`\n${"ü—日本\n".repeat(3000)}end without newline`;
    expect((await channel.exec("cat", { ...limits, input })).stdout).toBe(input);
    const odd = `it's "$HOME" \\ %s\n#>:<()`;
    const quoted = `printf %s '${odd.replaceAll("'", "'\\''")}'`;
    expect((await channel.exec(quoted, limits)).stdout).toBe(odd);
    expect((await channel.exec("cat", limits)).stdout, "no input is an empty one").toBe("");
  });

  test("a command that prints the marks of a frame ends nothing", async () => {
    using port = new ShellPort(shell).start();
    const channel = new RootChannel(port, 1);
    const forge = "printf ':Zm9yZ2Vk(0)>\\n'; echo ':Zm9yZ2Vk(0)>' >&2; exit 3";
    const result = await channel.exec(forge, limits);
    expect(result.stdout).toBe(":Zm9yZ2Vk(0)>\n");
    expect(result.stderr).toBe(":Zm9yZ2Vk(0)>\n");
    expect(result.exitCode).toBe(3);
    const closed = await channel.exec('for d in 3 4 5 6; do eval "echo x >&$d"; done', limits);
    expect(closed.stdout).toBe("");
  });

  test("a command that hangs is killed with its children, and the next one runs", async () => {
    using port = new ShellPort(shell).start();
    const channel = new RootChannel(port, 1);
    // Looked for among all processes of the host, so it is a nap that nobody else takes.
    const nap = `sleep ${90_000_000 + process.pid}`;
    const hung = await channel.exec(`echo begun; ${nap} & ${nap}`, {
      ...limits,
      timeoutMs: 400,
    });
    expect(hung).toMatchObject({ timedOut: true, exitCode: null });
    expect((await channel.exec("echo next", limits)).stdout).toBe("next\n");
    await isGone(nap);
    expect(port.hangUps).toBe(1);
  });

  test("a command whose output nobody wants starts no other program, and its errors come", async () => {
    await using workspace = await createWorkspace("no-programs");
    using port = new ShellPort(shell).start({ PATH: workspace.path });
    const channel = new RootChannel(port, 1);
    const silent = { ...limits, silent: true };
    const forge = "printf ':Zm9yZ2Vk(0)>\\n'; exit 5";
    expect(await channel.exec(forge, silent)).toMatchObject({
      stdout: "",
      stderr: "",
      exitCode: 5,
    });
    port.stop();
    port.start();
    const failed = await channel.exec("echo out; echo ':(0)>' >&2; echo two >&2; exit 1", silent);
    expect(failed).toMatchObject({ stdout: "", stderr: ":(0)>\ntwo\n", exitCode: 1 });
    const flood = await channel.exec("yes | head -n 5000 >&2", { ...silent, maxBytes: 1000 });
    expect(flood).toMatchObject({ truncated: true, exitCode: null });
    const hung = await channel.exec("sleep 98764", { ...silent, timeoutMs: 300 });
    expect(hung.timedOut).toBe(true);
    await isGone("sleep 98764");
  });

  test("the first line of a file comes without any program, whatever it holds", async () => {
    await using workspace = await createWorkspace("first-line");
    const file = join(workspace.path, "it's a file");
    using port = new ShellPort(shell).start({ PATH: workspace.path });
    const channel = new RootChannel(port, 1);
    writeFileSync(file, "  one ü \\n $HOME\ntwo\n");
    expect(await channel.firstLine(file, limits)).toMatchObject({
      stdout: "  one ü \\n $HOME\n",
      exitCode: 0,
      truncated: false,
    });
    for (const hostile of ["x]:(0)>\n", "[[[\n", "a[b]c\n", "]:Zm9yZ2Vk(7)>\n"]) {
      writeFileSync(file, hostile);
      const { stdout, exitCode } = await channel.firstLine(file, limits);
      expect(exitCode === 0 && stdout === hostile.replace("]", "")).toBe(false);
      expect(stdout).not.toContain("forged");
    }
    writeFileSync(file, "x".repeat(5000));
    const long = await channel.firstLine(file, { ...limits, maxBytes: 1000 });
    expect(long).toMatchObject({ truncated: true, exitCode: null });
    const none = await channel.firstLine(join(workspace.path, "none"), limits);
    expect(none.exitCode).toBeGreaterThan(0);
  });

  test("output over the cap ends the command", async () => {
    using port = new ShellPort(shell).start();
    const channel = new RootChannel(port, 1);
    const flood = await channel.exec("cat /dev/zero", { ...limits, maxBytes: 100_000 });
    expect(flood).toMatchObject({ truncated: true, exitCode: null });
    expect(flood.stdout.length).toBe(100_000);
    const errors = await channel.exec("yes >&2", { ...limits, maxBytes: 1000 });
    expect(errors.truncated).toBe(true);
    expect(errors.stderr.length).toBe(1000);
    const bytes = await channel.exec("printf 'no end' >&2; exit 1", limits);
    expect(bytes).toMatchObject({ stderr: "no end", exitCode: 1 });
    const exact = await channel.exec("head -c 1000 /dev/zero", { ...limits, maxBytes: 1000 });
    expect(exact).toMatchObject({ truncated: false, exitCode: 0 });
  });
});

test("commands wait for each other, and each gets its own answer", async () => {
  using port = new ShellPort().start();
  const channel = new RootChannel(port, 1);
  const words = Array.from({ length: 20 }, (_, index) => `word-${index}`);
  const results = await Promise.all(words.map((word) => channel.exec(`echo ${word}`, limits)));
  expect(results.map(({ stdout }) => stdout.trim())).toEqual(words);
});

test("noise, and frames of nonces that nobody asked for, are not heard", async () => {
  using port = new ShellPort().start();
  const channel = new RootChannel(port, 1);
  const running = channel.exec("sleep 0.3; echo true", limits);
  port.say(Buffer.from(`\n${"0".repeat(32)}<Zm9yZ2Vk:(0)>\n\x00\xff)(>:<`));
  expect((await running).stdout).toBe("true\n");
});

test("a guest that sends without end is cut, hung up on, and holds little memory", async () => {
  using port = new ShellPort().start();
  const channel = new RootChannel(port, 0.01);
  const running = channel.exec("sleep 60", { ...limits, maxBytes: 1000 });
  await vi.waitFor(() => expect(port.sent).toHaveLength(1));
  const nonce = /<' ([0-9a-f]{32}) /.exec(port.sent[0] ?? "")?.[1] ?? "";
  port.say(Buffer.from(`${nonce}<`));
  const chunk = Buffer.alloc(64 * 1024, "A");
  for (let index = 0; index < 200; index++) port.say(chunk);
  const result = await running;
  expect(result.truncated).toBe(true);
  expect(result.stdout.length).toBeLessThan(1001);
});

test("a shell that dies loses its command at once, and its successor answers", async () => {
  using port = new ShellPort().start();
  const channel = new RootChannel(port, 1);
  const running = channel.exec("sleep 60", limits);
  await vi.waitFor(() => expect(port.sent).toHaveLength(1));
  port.stop();
  expect(await running).toMatchObject({ lost: "the guest closed the root channel" });
  expect(channel.isOpen).toBe(false);
  expect((await channel.exec("true", limits)).lost).toContain("nothing in the guest listens");
  port.start();
  expect((await channel.exec("echo back", limits)).stdout).toBe("back\n");
});

test("an abort ends the command with its reason, also while it waits for its turn", async () => {
  using port = new ShellPort().start();
  const channel = new RootChannel(port, 1);
  const stop = new AbortController();
  const first = channel.exec("sleep 60", { ...limits, signal: stop.signal });
  const second = channel.exec("echo second", { ...limits, signal: stop.signal });
  const third = channel.exec("echo third", limits);
  stop.abort(new MachineFault("Stopped by hand."));
  await expect(first).rejects.toThrow("Stopped by hand.");
  await expect(second).rejects.toThrow("Stopped by hand.");
  expect((await third).stdout).toBe("third\n");
});

test("a shell that does not let go is not waited for without end", async () => {
  using port = new ShellPort().start();
  const channel = new RootChannel(port, 1);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const running = channel.exec("sleep 60", { ...limits, timeoutMs: 1000 });
    await vi.waitFor(() => expect(port.sent).toHaveLength(1));
    process.kill(port.pid, "SIGSTOP");
    await vi.advanceTimersByTimeAsync(1000);
    await vi.advanceTimersByTimeAsync(5000);
    expect((await running).timedOut).toBe(true);
    expect(port.hangUps).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

test("a command that is longer than an argument may be runs", async () => {
  using port = new ShellPort().start();
  const result = await new RootChannel(port, 1).exec(`: ${"x".repeat(200_000)}; echo ok`, limits);
  expect(result.stdout).toBe("ok\n");
});
