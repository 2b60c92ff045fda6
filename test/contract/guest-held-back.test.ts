/** How long SSH is held back for the word of the root channel, and that a guest which is still starting gets its time. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import type { GuestPort } from "../../harness/machine/machine.ts";
import { failureOf } from "./support/failure.ts";
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

test("SSH is not tried at once where a channel may come, and is where none does", async () => {
  const port = closedPort;
  for (const [timeScale, isTried] of [
    [1, false],
    [0.02, true],
  ] as const) {
    await using fake = await startFake({ port, onSocket: (socket) => socket.destroy() });
    await failureOf(connectGuest({ ...fake.options, timeScale, readyTimeoutMs: 1000 }));
    expect(fake.connections() > 0).toBe(isTried);
  }
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
    const onSocket: FakeOptions["onSocket"] = (socket) => socket.destroy();
    await using fake = await startFake({ port: closedPort, onSocket, console });
    const timeScale = isTried && console.includes("255") ? 1 : 0.05;
    await failureOf(connectGuest({ ...fake.options, timeScale, readyTimeoutMs: 1500 }));
    expect(fake.connections() > 0).toBe(isTried);
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
