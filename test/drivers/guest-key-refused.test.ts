/** An sshd that does not take the key: whose fault that is, at the first boot and after a reboot, with a root channel and without. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import { failureOf } from "../contract/support/failure.ts";
import { guestShell, type Programs } from "./support/guest-shell.ts";
import { type FakeOptions, oneBootId, reply, startFake } from "./support/ssh-fake.ts";

const anotherBootId = oneBootId.replace("0b", "1c");
const nextBoot = Buffer.from("[    0.000000] Linux version 7\nWelcome to Fake OS!\n");
const addresses = "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 UP 10.0.2.15/24'";
const listens =
  'case "$*" in *0016*) echo \'0: 00000000:0016 00000000:0000 0A\' ;; *-cF*) echo 0 ;; *) exec /bin/grep "$@" ;; esac';
const unsafeHome =
  "echo 'Authentication refused: bad ownership or modes for directory /var/roothome'";
const lostKey: Programs = {
  readlink: "echo /var/roothome/.ssh/authorized_keys",
  stat: "echo xfs",
};

/** A guest that takes the key until it is rebooted, with these programs behind its channel, or without one. */
async function afterReboot(programs: Programs | null) {
  await using workspace = await createWorkspace("flag");
  const flag = join(workspace.path, "rebooted");
  const isRebooted = (): boolean => existsSync(flag);
  const bootId = (): string => (isRebooted() ? anotherBootId : oneBootId);
  await using shell = await guestShell({
    grep: listens,
    ip: addresses,
    sleep: "exit 0",
    ...programs,
  });
  const options: FakeOptions = {
    bootId,
    acceptsKey: () => !isRebooted(),
    onCommand: (command, channel, socket) => {
      reply(channel, "");
      if (!command.includes("reboot")) return;
      writeFileSync(flag, "");
      shell.port.stop();
      writeFileSync(shell.bootIdFile, `${anotherBootId}\n`);
      shell.port.start(shell.port.env);
      fake.console.feed(nextBoot);
      socket.destroy();
    },
    ...(programs === null ? {} : { port: shell.port }),
  };
  await using fake = await startFake(options);
  await using guest = await connectGuest({ ...fake.options, readyTimeoutMs: 30_000 });
  return await failureOf(guest.reboot());
}

describe("after a reboot", () => {
  test.each<[string, Programs | null, string, RegExp]>([
    [
      "nobody can tell without a channel",
      null,
      "broken CannotTell",
      /answers on SSH but does not take the harness's key/,
    ],
    [
      "nobody can tell where the guest gives no reason",
      {},
      "broken CannotTell",
      /came up, but the harness's key is not in root's authorized_keys/,
    ],
    [
      "the image has lost what lay in its /var",
      lostKey,
      "failed BootFailed",
      /the key that let the harness in is gone from \/var\/roothome/,
    ],
    [
      "the image's home of root is unsafe",
      { journalctl: unsafeHome },
      "failed BootFailed",
      /the owner or mode of \/var\/roothome is unsafe/,
    ],
  ])("%s", async (_name, programs, kind, words) => {
    const failure = await afterReboot(programs);
    expect(failure.text).toMatch(words);
    expect(failure.kind).toBe(kind);
  });
});

test("at its first boot an image whose home of root is unsafe has failed", async () => {
  await using shell = await guestShell({
    grep: listens,
    ip: addresses,
    journalctl: unsafeHome,
    sleep: "exit 0",
  });
  await using fake = await startFake({ acceptsKey: () => false, port: shell.port });
  const failure = await failureOf(connectGuest({ ...fake.options, readyTimeoutMs: 30_000 }));
  expect(failure.text).toMatch(/the owner or mode of \/var\/roothome is unsafe/);
  expect(failure.kind).toBe("failed BootFailed");
});

test("one that refuses too slowly for three tries is not taken for one that does not answer", async () => {
  await using shell = await guestShell({
    grep: listens,
    ip: addresses,
    journalctl: unsafeHome,
    sleep: "exit 0",
  });
  await using fake = await startFake({ acceptsKey: () => false, port: shell.port });
  const options = { ...fake.options, readyTimeoutMs: 30_000, timeScale: 0.02 };
  const failure = await failureOf(connectGuest(options));
  expect(failure.text).toMatch(/the owner or mode of \/var\/roothome is unsafe/);
});
