/** The serial transport against real shells on real terminals, on a line without faults. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { cksum } from "../../harness/guest/serial/cksum.ts";
import { logIn } from "../../harness/guest/serial/login.ts";
import { PtyConsole } from "./support/pty-console.ts";
import { connectSerial, noPassword, patience, shellFolders, signal } from "./support/serial.ts";

test.each(["", "a", "123456789", "\0\0\0", "x".repeat(70_000)])(
  "the checksum is that of cksum(1): %#",
  (text) => {
    const [sum] = execFileSync("cksum", { input: text }).toString().split(" ");
    expect(cksum(Buffer.from(text))).toBe(Number(sum));
  },
);

describe.each(["/bin/dash", "/bin/bash"])("a shell on a good line: %s", (shell) => {
  const connect = () => connectSerial({ argv: [shell, "-i"] });

  test("gives output, error output and exit code as they are", async () => {
    await using at = await connect();
    const said = await at.exec("echo out; echo err >&2; exit 3");
    expect(said).toEqual({
      stdout: "out\n",
      stderr: "err\n",
      exitCode: 3,
      truncated: false,
      timedOut: false,
      lost: null,
      durationMs: expect.any(Number),
    });
    expect(await at.exec("true")).toMatchObject({ stdout: "", stderr: "", exitCode: 0 });
    expect(await at.exec("kill -9 $$")).toMatchObject({ exitCode: 137 });
    expect(await at.exec("syntax error (")).toMatchObject({ exitCode: 2 });
    expect(await at.exec("cd; pwd")).toMatchObject({ stdout: `${process.env.HOME}\n` });
    expect(await at.exec("printf 'no end'")).toMatchObject({ stdout: "no end" });
    const quotes = `printf '%s|' "a b" 'c"d' e\\ f '*' 'ü' '$HOME'`;
    expect(await at.exec(quotes)).toMatchObject({ stdout: 'a b|c"d|e f|*|ü|$HOME|' });
  });

  test("takes input and gives output of any bytes and of more than one line holds, and a long command", async () => {
    await using at = await connect();
    const input = Array.from(
      { length: 20_000 },
      (_, index) => `${index}\tü\u0001\u0003\u0004`,
    ).join("\n");
    expect(await at.exec("cat", { input })).toMatchObject({ stdout: input, exitCode: 0 });
    expect(await at.exec("cat", { input: "" })).toMatchObject({ stdout: "", exitCode: 0 });
    const long = "x".repeat(9000);
    expect(await at.exec(`printf %s ${long}`)).toMatchObject({ stdout: long });
    expect(await at.exec("cat")).toMatchObject({ stdout: "", exitCode: 0 });
  });

  test("ends a command that says too much, and one that takes too long with what it has started", async () => {
    await using at = await connect();
    const much = await at.exec("yes", { maxBytes: 1000 });
    expect(much).toMatchObject({ truncated: true, exitCode: null, lost: null });
    expect(much.stdout).toBe("y\n".repeat(500));
    const exactly = await at.exec("head -c 1000 /dev/zero | tr '\\0' z", { maxBytes: 1000 });
    expect(exactly).toMatchObject({ stdout: "z".repeat(1000), truncated: false, exitCode: 0 });
    const mark = `600${process.pid}`;
    const slow = await at.exec(`echo begun; sleep ${mark} & sleep ${mark}`, { timeoutMs: 5000 });
    expect(slow).toMatchObject({ timedOut: true, stdout: "begun\n", lost: null });
    expect(await at.exec(`pgrep -cfx 'sleep ${mark}'`)).toMatchObject({ stdout: "0\n" });
  });

  test("ends a command whose caller has given up, and answers the next one", async () => {
    await using at = await connect();
    const stop = new AbortController();
    const running = at.exec("sleep 600", { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    const both = await Promise.all([at.exec("echo 1"), at.exec("echo 2")]);
    expect(both.map(({ stdout }) => stdout)).toEqual(["1\n", "2\n"]);
  });

  test("leaves nothing below /run once it has ended", async () => {
    let left: readonly string[] = [];
    {
      await using at = await connect();
      await at.exec("echo x");
      left = shellFolders(at.nonce);
      expect(left.filter((path) => existsSync(path))).toHaveLength(1);
    }
    const still = () => left.filter((path) => existsSync(path));
    await expect.poll(still, { timeout: 10_000 }).toEqual([]);
  });
});

describe("a time limit that passes while a command begins", () => {
  test("ends the command and not the shell, however far it has come", async () => {
    await using at = await connectSerial();
    const mark = `601${process.pid}`;
    for (const timeoutMs of [1, 1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 30, 45, 60])
      expect(await at.exec(`sleep ${mark} & sleep ${mark}`, { timeoutMs })).toMatchObject({
        ...{ timedOut: true, stdout: "", lost: null },
      });
    expect(await at.exec(`pgrep -cfx 'sleep ${mark}'`)).toMatchObject({ stdout: "0\n" });
  });

  test("ends one that the line lost, which never began", async () => {
    await using at = await connectSerial();
    await at.exec("echo before");
    at.console.spoilTyped = (bytes) => (bytes.includes(" now ") ? Buffer.of() : bytes);
    const said = await at.exec("echo lost", { timeoutMs: 100 });
    expect(said).toMatchObject({ timedOut: true, stdout: "", lost: null });
    at.console.spoilTyped = (bytes) => bytes;
    expect(await at.exec("echo after")).toMatchObject({ stdout: "after\n", exitCode: 0 });
  });
});

test("no echo of what is asked is on the console, but for the line that stops it", async () => {
  await using at = await connectSerial();
  await at.exec("echo secret-$((40+2))", { input: "some input" });
  const { log } = at.console;
  expect(log).not.toContain("secret-");
  expect(log).not.toContain(Buffer.from("some input").toString("base64"));
  expect(log.match(/exec \/bin\/sh/g)).toHaveLength(1);
});

test("a second login on the same console takes it over from the first", async () => {
  await using at = await connectSerial();
  await at.exec("true");
  at.transport.end();
  expect(await at.exec("true")).toMatchObject({ lost: "it was ended" });
  // The terminal's program is gone with the first one's shell, so nothing begins another one here.
  const again = await logIn({ console: at.console, account: noPassword, scale: 0.2, signal });
  expect("why" in again).toBe(true);
  await expect.poll(() => existsSync(`/run/bootgate-serial.${at.nonce}`)).toBe(false);
});

describe("what cannot be asked", () => {
  test("is a guest without the programs: they are named", async () => {
    const hide = "mount --bind /dev/null $(command -v split) && exec /bin/dash -i";
    await using console = await new PtyConsole({
      argv: ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", hide],
    }).spoken();
    const result = await logIn({ console, account: noPassword, scale: patience, signal });
    expect(result).toEqual({ why: "the guest does not have split", lacks: ["split"] });
  });

  test("is a machine that cannot be typed at: that is the machine's fault", async () => {
    await using console = new PtyConsole();
    console.type = async () => {
      throw new MachineFault("The cable is gone.");
    };
    const result = await logIn({ console, account: noPassword, scale: patience, signal });
    expect(result).toMatchObject({ why: "The cable is gone.", fault: expect.any(MachineFault) });
  });

  test("is a console on which nothing listens, after a while", async () => {
    await using console = new PtyConsole({ argv: ["sleep", "600"] });
    const result = await logIn({ console, account: noPassword, scale: 0.1, signal });
    expect(result).toMatchObject({ why: "nothing on the console behaves like a shell" });
  });

  test("is a guest that starts again: nothing is typed at its boot loader, and the terminal ends what ran", async () => {
    const mark = `601${process.pid}`;
    const running = () => execFileSync("sh", ["-c", `pgrep -cfx 'sleep ${mark}' || :`]).toString();
    await startAgain(`sleep ${mark}`, () => expect.poll(running).toBe("1\n"));
    expect(running()).toBe("0\n");
  });

  async function startAgain(command: string, check: () => Promise<void>): Promise<void> {
    await using at = await connectSerial();
    const running = at.exec(command);
    await expect.poll(() => at.console.typed.at(-1)).toContain("now ");
    await check();
    at.console.reach("firmware");
    const { length } = at.console.typed;
    expect(await running).toMatchObject({ lost: "the guest started again", exitCode: null });
    expect(await at.exec("true")).toMatchObject({ lost: "the guest started again" });
    expect(at.console.typed).toHaveLength(length);
  }

  test("is a line whose shell has gone: it is lost, and no exit code is made up", async () => {
    await using at = await connectSerial({ scale: 0.2 });
    const running = at.exec("sleep 600");
    await expect.poll(() => at.console.log).toContain("r 1 = r 1");
    const [pid] = execFileSync("pgrep", ["-f", `n=${at.nonce};`])
      .toString()
      .split("\n");
    process.kill(Number(pid), "SIGKILL");
    const said = await running;
    expect(said).toMatchObject({ exitCode: null, timedOut: false });
    expect(said.lost).toMatch(/does not answer any more/);
  });
});
