/** How long SSH is held back for the word of the root channel, and that a guest which is still starting gets its time. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import { Attempts } from "../../harness/guest/ssh/attempts.ts";
import type { GuestPort } from "../../harness/machine/machine.ts";
import { failureOf } from "../contract/support/failure.ts";
import { boots, guestShell } from "./support/guest-shell.ts";
import { type FakeOptions, oneBootId, startFake } from "./support/ssh-fake.ts";

const addresses = "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 UP 10.0.2.15/24'";
const listens = "echo '0: 00000000:0016 00000000:0000 0A'";
const silent = "exit 1";
const sleepless = "exit 0";

const starting =
  "Id=sshd.service\\nLoadState=loaded\\nActiveState=activating\\nResult=success\\nUnitFileState=enabled\\n";

const closedPort: GuestPort = {
  guestListens: false,
  onChange: () => () => undefined,
  onData: () => () => undefined,
  send: () => undefined,
  hangUp: () => undefined,
};

describe("a guest whose console does not tell of its systemd", () => {
  test("is not logged in to while its sshd is silent, however long that takes, and once it speaks and no channel comes, is", async () => {
    await using workspace = await createWorkspace("flag");
    const flag = join(workspace.path, "sshd-speaks");
    await using fake = await startFake({ port: closedPort, speaks: () => existsSync(flag) });
    // A second of patience is 2 ms here.
    const guest = connectGuest({ ...fake.options, timeScale: 0.002, readyTimeoutMs: 30_000 });
    guest.catch(() => undefined);
    await waitFor({
      what: "knocks",
      probe: async () => fake.connections() >= 5,
      timeoutMs: 20_000,
      signal: new AbortController().signal,
    });
    expect(fake.logins()).toBe(0);
    writeFileSync(flag, "");
    await using _ = await guest;
    expect(fake.logins()).toBe(1);
  });

  test("is logged in to only after its channel has spoken, where that comes up later than sshd", async () => {
    await using workspace = await createWorkspace("flag");
    const flag = join(workspace.path, "channel-was-asked");
    await using shell = await guestShell({ cat: boots, grep: `touch '${flag}'; ${listens}` });
    shell.port.stop();
    const speaks = (): boolean => {
      if (!shell.port.guestListens) shell.port.start(shell.port.env);
      return true;
    };
    const order: boolean[] = [];
    const onLogin = (): unknown => order.push(existsSync(flag));
    await using fake = await startFake({ port: shell.port, speaks, onLogin });
    const options = { ...fake.options, timeScale: 1, readyTimeoutMs: 30_000 };
    await using guest = await connectGuest(options);
    expect(await guest.bootId()).toBe(oneBootId);
    expect(order).toEqual([true]);
  });

  test("is logged in to over the connection that its knock has kept, but after a reboot over another", async () => {
    for (const [accept, connections] of [
      [undefined, 1],
      [async () => true, 2],
    ] as const) {
      await using fake = await startFake();
      const { machine, name, key, signal } = fake.options;
      const attempts = new Attempts({ machine, name, key, accept, timeScale: 1, giveUp: signal });
      await attempts.knock(signal, signal);
      expect(attempts.heardAtMs).not.toBeNull();
      const reached = await attempts.next(signal);
      expect(reached?.bootId).toBe(oneBootId);
      expect(fake.connections()).toBe(connections);
      reached?.transport.end();
    }
  });

  test("is not knocked at any longer once the channel has told", async () => {
    await using fake = await startFake({ onSocket: () => undefined });
    const { machine, name, key, signal } = fake.options;
    const attempts = new Attempts({ machine, name, key, timeScale: 600, giveUp: signal });
    const word = new AbortController();
    const knock = attempts.knock(signal, word.signal);
    word.abort();
    await knock;
    expect([attempts.heardAtMs, attempts.isResting]).toEqual([null, false]);
  });
});

describe("what the console tells of systemd decides how long SSH waits for the channel", () => {
  const up = (version: number, more = ""): string =>
    `[    0.0] Linux version 7\n[    4.2] systemd[1]: systemd ${version}.1 running in system mode (+PAM)\nWelcome to Fake OS!\n${more}`;
  test.each<[string, string, boolean]>([
    ["one that cannot have it is tried at once", up(255), true],
    ["one that is still starting is not polled", up(257), false],
    [
      "one that has started all and has no channel is tried",
      up(257, "[  OK  ] Reached target Multi-User System.\n"),
      true,
    ],
  ])("%s", async (_name, console, isTried) => {
    const onSocket: FakeOptions["onSocket"] = (socket) => {
      socket.destroy();
      if (isTried) fake.die(new MachineFault("It was tried."));
    };
    await using fake = await startFake({ port: closedPort, onSocket, console });
    const timeScale = isTried && console.includes("255") ? 1 : 0.05;
    const readyTimeoutMs = isTried ? 30_000 : 1500;
    const { text } = await failureOf(connectGuest({ ...fake.options, timeScale, readyTimeoutMs }));
    expect(fake.connections() > 0).toBe(isTried);
    expect(text.includes("It was tried.")).toBe(isTried);
  });
});

test("a guest whose sshd is still starting is waited for, and logged in to once it listens", async () => {
  await using workspace = await createWorkspace("flag");
  const flag = join(workspace.path, "sshd-listens");
  await using shell = await guestShell({
    cat: boots,
    grep: `test -e '${flag}' && ${listens}`,
    // Asked why it does not listen, it begins to.
    systemctl: `case "$*" in *show*) printf '${starting}'; touch '${flag}' ;; esac`,
    ip: addresses,
    sleep: sleepless,
  });
  await using fake = await startFake({ port: shell.port });
  await using guest = await connectGuest({ ...fake.options, readyTimeoutMs: 30_000 });
  expect(existsSync(flag)).toBe(true);
  expect(await guest.bootId()).toBe(oneBootId);
});

test("a guest whose sshd never starts to listen is told by what it waits for, when time runs out", async () => {
  const programs = { grep: silent, systemctl: `printf '${starting}'`, sleep: sleepless };
  await using shell = await guestShell({ cat: boots, ip: addresses, ...programs });
  await using fake = await startFake({ port: shell.port, refused: true });
  const began = performance.now();
  const failure = await failureOf(connectGuest({ ...fake.options, readyTimeoutMs: 3000 }));
  expect(performance.now() - began).toBeGreaterThan(2900);
  expect(failure.kind).toBe("broken CannotTell");
  expect(failure.text).toMatch(/came up, but its sshd\.service was still starting/);
});

test("a guest whose sshd failed once and then speaks is not failed by that, when its login takes longer than its time", async () => {
  await using workspace = await createWorkspace("flag");
  const flag = join(workspace.path, "sshd-came-up");
  const failedOnce =
    "Id=sshd.service\\nLoadState=loaded\\nActiveState=activating\\nResult=exit-code\\nUnitFileState=enabled\\nNRestarts=0\\n";
  await using shell = await guestShell({
    cat: boots,
    grep: `test -e '${flag}' && ${listens}`,
    systemctl: `case "$*" in *show*) printf '${failedOnce}' ;; esac`,
    // Asked why it does not listen, it begins to.
    journalctl: `touch '${flag}'`,
    ip: addresses,
    sleep: sleepless,
  });
  const onSocket: FakeOptions["onSocket"] = (socket) => void socket.write("SSH-2.0-x\r\n");
  await using fake = await startFake({ port: shell.port, onSocket });
  // Emulated, so that the time that a login takes proves nothing.
  const options = { ...fake.options, timeScale: 2, readyTimeoutMs: 6000 };
  const failure = await failureOf(connectGuest(options));
  expect(existsSync(flag)).toBe(true);
  expect(failure.text).toMatch(/speaks on its SSH port, and no login came to its end/);
  expect(failure.kind).toBe("broken CannotTell");
});
