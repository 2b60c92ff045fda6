import { execFileSync } from "node:child_process";
import { once } from "node:events";
import type { ServerChannel } from "ssh2";
import { describe, expect, test, vi } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import { failureOf } from "../contract/support/failure.ts";
import { connectTo, type FakeOptions, reply, startFake } from "./support/ssh-fake.ts";

describe("a guest that does not let us in", () => {
  const cases: [string, FakeOptions, string, RegExp][] = [
    [
      "refuses",
      { refused: true },
      "broken CannotTell",
      /last try +connect ECONNREFUSED .* tries\)/,
    ],
    ["hangs", { onSocket: () => undefined }, "broken CannotTell", /no SSH banner has come/],
    [
      "closes",
      { onSocket: (it) => it.destroy() },
      "broken CannotTell",
      /closed the connection|ECONNRESET/,
    ],
    [
      "speaks HTTP",
      { onSocket: (it) => void it.write("HTTP/1.1 400 Bad\r\n") },
      "failed BootFailed",
      /said "HTTP/,
    ],
    [
      "stops after the banner",
      { onSocket: (it) => void it.write("SSH-2.0-x\r\n") },
      "failed BootFailed",
      /banner came, the login did not end/,
    ],
  ];
  test.each(cases)("%s", async (_name, options, kind, words) => {
    const { fake, guest } = await connectTo(options);
    await using _fake = fake;
    const failure = await failureOf(guest);
    expect(failure.kind).toBe(kind);
    expect(failure.text).toMatch(
      kind === "failed BootFailed"
        ? /^Guest 'fake' speaks on its SSH port, and no login came to its end within 1\.0 s\./
        : /^Guest 'fake' came as far as user space and did not answer within 1\.0 s: it may have booted[\s\S]*enable sshd/,
    );
    expect(failure.text).toMatch(words);
    expect(failure.text).toContain("Welcome to Fake OS!");
    expect(failure.text).toMatch(/look at +\S+console\.log$/);
  });

  const up = "[    0.0] Linux version 5.14\nWelcome to Fake OS!\n";
  const systemd = (version: number): string =>
    `[    4.2] systemd[1]: systemd ${version}.9-1.fc42 running in system mode (+PAM +AUDIT)\n`;
  test.each([
    ["login prompt", `${up}host login: `, "broken CannotTell", /came up, and nothing answered/],
    [
      "last target",
      `${up}[  OK  ] Reached target Multi-User System.\n`,
      "broken CannotTell",
      /came up, and nothing answered on SSH[\s\S]*how to +.*enable sshd/,
    ],
    [
      "sshd that failed and that only the image can have started",
      `${up}${systemd(255)}[FAILED] Failed to start OpenSSH server daemon.\nhost login: `,
      "failed BootFailed",
      /came up, but its console says that its sshd has failed\.[\s\S]*Failed to start OpenSSH/,
    ],
    [
      "sshd that failed and that the harness may have wished for",
      `${up}${systemd(256)}[FAILED] Failed to start OpenSSH server daemon.\nhost login: `,
      "broken CannotTell",
      /its sshd has failed, which may not be started without the harness's wish[\s\S]*--no-channel/,
    ],
    [
      "sshd that failed under a systemd that is not named",
      `${up}[FAILED] Failed to start OpenSSH server daemon.\nhost login: `,
      "broken CannotTell",
      /its sshd has failed, which may not be/,
    ],
  ])(
    "where nothing listens and no channel is, a console with its %s is judged by what it proves",
    async (_, console, kind, words) => {
      await using fake = await startFake({ refused: true, console });
      const failure = await failureOf(
        connectGuest({ ...fake.options, timeScale: 0.01, readyTimeoutMs: 30_000 }),
      );
      expect(failure.kind).toBe(kind);
      expect(failure.text).toMatch(words);
    },
  );

  test("a guest that restarts before it answers is not given up by what the boot before showed", async () => {
    const console = `${up}[  OK  ] Reached target Multi-User System.\n`;
    await using fake = await startFake({ refused: true, console });
    const wait = failureOf(
      connectGuest({ ...fake.options, timeScale: 0.02, readyTimeoutMs: 1500 }),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
    fake.console.machineReset();
    fake.console.feed(Buffer.from("[    0.0] Linux version 5.14\n"));
    expect((await wait).text).toMatch(/^Guest 'fake' did not answer on SSH within [12]\.\d s\./);
  });

  test("a key refused three times ends the wait before its time", async () => {
    const fake = await startFake({ acceptsKey: () => false });
    await using _fake = fake;
    const failure = await failureOf(connectGuest({ ...fake.options, readyTimeoutMs: 30_000 }));
    expect(failure.text).toContain("does not take the harness's key (3 tries)");
    expect(fake.connections()).toBe(3);
  });

  test("sshd is not asked before the console has shown user space", async () => {
    const fake = await startFake({ console: "[    0.0] Linux version 7\n" });
    await using _fake = fake;
    const failure = await failureOf(
      connectGuest({ ...fake.options, timeScale: 1, readyTimeoutMs: 500 }),
    );
    expect(failure.text).toContain("the console has not shown user space");
    expect(fake.connections()).toBe(0);
  });

  test("a console that stays quiet does not keep us out", async () => {
    const fake = await startFake({ console: "BdsDxe: loading Boot0001\n" });
    await using _fake = fake;
    await using guest = await connectGuest({ ...fake.options, readyTimeoutMs: 5000 });
    expect(guest.name).toBe("fake");
    expect(fake.console.stage).toBe("ssh");
  });

  test("a panic ends the wait at once and is quoted", async () => {
    const { fake, guest } = await connectTo({ onSocket: () => undefined });
    await using _fake = fake;
    const began = performance.now();
    fake.console.feed(Buffer.from("[    2.514000] Kernel panic - not syncing: no\n"));
    const failure = await failureOf(guest);
    expect(performance.now() - began).toBeLessThan(500);
    expect(failure.kind).toBe("failed BootFailed");
    expect(failure.text).toContain("Kernel panic - not syncing: no");
  });

  test("a machine that dies ends the wait at once and is not the image's fault", async () => {
    const { fake, guest } = await connectTo({ onSocket: () => undefined });
    await using _fake = fake;
    fake.die(new MachineFault("QEMU is gone."));
    expect(await failureOf(guest)).toEqual({ kind: "broken MachineFault", text: "QEMU is gone." });
  });
});

describe("a guest that goes wrong in mid-command", () => {
  test("a dropped connection is lost, not failed, and the next command logs in again", async () => {
    const { fake, guest } = await connectTo({
      onCommand: (command, channel, socket) =>
        command.startsWith("journalctl") ? void socket.destroy() : reply(channel, "running\n"),
    });
    await using _fake = fake;
    await using it = await guest;
    const failure = await failureOf(it.run`journalctl ${"a b"}`);
    expect(failure.kind).toBe("broken GuestLost");
    expect(failure.text).toMatch(/during +journalctl 'a b'/);
    expect(failure.text).toContain("Welcome to Fake OS!");
    expect((await it.attempt`true`).exitCode).toBe(0);
    expect(fake.connections()).toBe(2);
  });

  test("a dropped connection that the console explains is the image's fault", async () => {
    const { fake, guest } = await connectTo({
      onCommand: (_command, _channel, socket) => {
        socket.destroy();
        fake.console.feed(Buffer.from("[   60.000000] Kernel panic - not syncing: sysrq\n"));
      },
    });
    await using _fake = fake;
    await using it = await guest;
    expect((await failureOf(it.run`true`)).kind).toBe("failed BootFailed");
  });

  test("a panic ends a running command", async () => {
    const { fake, guest } = await connectTo({ onCommand: () => undefined });
    await using _fake = fake;
    await using it = await guest;
    const running = failureOf(it.run`true`);
    fake.console.feed(Buffer.from("[   60.000000] Kernel panic - not syncing: late\n"));
    expect((await running).text).toContain("Kernel panic - not syncing: late");
  });

  test("a command that never ends is given up at its limit and its channel closed", async () => {
    let closed = false;
    const { fake, guest } = await connectTo({
      onCommand: (_command, channel) => {
        channel.resume();
        channel.write("so far");
        channel.on("close", () => {
          closed = true;
        });
      },
    });
    await using _fake = fake;
    await using it = await guest;
    const failure = await failureOf(it.exec("sleep infinity", { timeoutMs: 200 }));
    expect(failure.kind).toBe("failed GuestTooSlow");
    expect(failure.text).toContain("'sleep infinity' in guest 'fake' did not end within 200 ms");
    expect(failure.text).toContain("so far");
    await vi.waitFor(() => expect(closed).toBe(true));
  });

  test("an abort ends a running command with its reason", async () => {
    const fake = await startFake({ onCommand: () => undefined });
    await using _fake = fake;
    const abort = new AbortController();
    await using it = await connectGuest({ ...fake.options, signal: abort.signal });
    const running = failureOf(it.run`true`);
    abort.abort(new MachineFault("Stopped by hand."));
    expect((await running).text).toBe("Stopped by hand.");
  });

  test("100 MB of output are cut at the cap and held in little memory", async () => {
    const sent = { bytes: 0 };
    const { fake, guest } = await connectTo({
      onCommand: (_command, channel) => void flood(channel, sent),
    });
    await using _fake = fake;
    await using it = await guest;
    const before = process.memoryUsage().rss;
    const result = await it.attempt`cat /dev/zero`;
    expect(result.truncated).toBe(true);
    expect(result.exitCode).toBeNull();
    expect(result.stdout.length).toBe(4 * 1024 * 1024);
    expect(sent.bytes).toBeLessThan(20_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    const failure = await failureOf(it.run`cat /dev/zero`);
    expect(failure.text).toContain("printed more than its limit (4.0 MiB kept)");
    expect(failure.text.length).toBeLessThan(2000);
  });

  test("binary and escape codes come through as text and stay out of messages", async () => {
    const junk = Buffer.from([0, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0xfe, 0xc3, 0xa9, 0x07]);
    const { fake, guest } = await connectTo({
      onCommand: (_command, channel) => {
        channel.write(junk.subarray(0, 9));
        channel.write(junk.subarray(9));
        channel.stderr.write(junk);
        channel.exit(3);
        channel.end();
      },
    });
    await using _fake = fake;
    await using it = await guest;
    const result = await it.attempt`junk`;
    expect(result.stdout).toBe("\0\x1b[31m\uFFFD\uFFFDé\x07");
    const failure = await failureOf(it.run`junk`);
    expect(failure.text).toContain("'junk' in guest 'fake' ended with exit code 3.");
    expect(failure.text).not.toMatch(/[\x00-\x08\x0b-\x1f]/);
  });
});

test("every value reaches a real shell as exactly one argument", async () => {
  const { fake, guest } = await connectTo({
    onCommand: (command, channel) =>
      reply(channel, execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" })),
  });
  await using _fake = fake;
  await using it = await guest;
  const values = [
    "",
    " ",
    "a'b\"c",
    "$HOME `id` $(id)",
    "line\nbreak",
    "ü—日本",
    "-n",
    "\\",
    "*",
    ";&|<>#~",
  ];
  for (const value of values) {
    const { stdout } = await it.attempt`printf '[%s]' ${value} ${[value, "end"]}`;
    expect(stdout).toBe(`[${value}][${value}][end]`);
  }
});

/** Writes 100 MB at the reader's pace, until the channel is closed. */
async function flood(channel: ServerChannel, sent: { bytes: number }): Promise<void> {
  const closed = new AbortController();
  channel.resume();
  channel.on("close", () => closed.abort());
  const chunk = Buffer.alloc(64 * 1024, "x");
  for (; sent.bytes < 100_000_000 && !closed.signal.aborted; sent.bytes += chunk.length) {
    if (channel.write(chunk)) continue;
    await once(channel, "drain", { signal: closed.signal }).catch(() => undefined);
  }
}
