import type { ServerChannel } from "ssh2";
import { describe, expect, test, vi } from "vitest";
import { connectGuest } from "../../harness/guest/connect.ts";
import { sshAddressOf } from "../../harness/guest/ssh/address-of.ts";
import { failureOf } from "../contract/support/failure.ts";
import { connectTo, type FakeOptions, oneBootId, reply, startFake } from "./support/ssh-fake.ts";

interface Hooks {
  onReboot: () => void;
}

describe("reboot", () => {
  const answering = (hooks: Hooks, bootId = () => oneBootId): FakeOptions => ({
    bootId,
    onCommand: (_command, channel) => {
      reply(channel, "");
      hooks.onReboot();
    },
  });

  test("the same boot ID after the console's new boot is not a reboot", async () => {
    const hooks: Hooks = { onReboot: () => undefined };
    const { fake, guest } = await connectTo(answering(hooks));
    await using _fake = fake;
    await using it = await guest;
    hooks.onReboot = () =>
      fake.console.feed(Buffer.from("[    0.000000] Linux version 7\nWelcome to Fake OS!\n"));
    const failure = await failureOf(it.reboot());
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain("was asked to reboot, but the same boot answers");
    expect(failure.text).toContain(oneBootId);
  });

  test("a guest that ignores the reboot is told by its boot ID when time runs out", async () => {
    const { fake, guest } = await connectTo(answering({ onReboot: () => undefined }));
    await using _fake = fake;
    await using it = await guest;
    const failure = await failureOf(it.reboot());
    expect(failure.text).toContain("the same boot answers");
  });

  /** A guest whose order to reboot does not end, and what its manager says meanwhile. */
  const hanging = (state: string, bootId = () => oneBootId): FakeOptions => ({
    bootId,
    onCommand: (command, channel) => {
      if (command.includes("is-system-running")) reply(channel, `${state}\n`);
    },
  });

  test("a guest whose order runs out of its time, and that goes on, was too slow", async () => {
    const { fake, guest } = await connectTo(hanging("degraded"));
    await using _fake = fake;
    await using it = await guest;
    const failure = await failureOf(it.reboot());
    expect(failure.kind).toMatch(/GuestTooSlow|CannotTell/);
    expect(failure.text).toMatch(/did not end within 3\.0 s and was given up/);
  });

  test("a guest whose order runs out of its time, and that goes down, is waited for", async () => {
    let id = oneBootId;
    const { fake, guest } = await connectTo(hanging("stopping", () => id));
    await using _fake = fake;
    await using it = await guest;
    id = id.replace("0b", "1c");
    await it.reboot();
    expect(await it.bootId()).toBe(id);
  });

  test("a guest that ignores the reboot, and whose console is silent meanwhile, is told by its boot ID", async () => {
    const fake = await startFake({ ...answering({ onReboot: () => undefined }), silenceMs: 1500 });
    await using _fake = fake;
    await using it = await connectGuest({ ...fake.options, readyTimeoutMs: 5000 });
    const failure = await failureOf(it.reboot());
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain("the same boot answers");
  });

  test("another boot ID over a new connection is one", async () => {
    let id = oneBootId;
    const hooks: Hooks = { onReboot: () => undefined };
    const { fake, guest } = await connectTo(answering(hooks, () => id));
    await using _fake = fake;
    await using it = await guest;
    hooks.onReboot = () => {
      id = id.replace("0b", "1c");
      fake.console.feed(Buffer.from("[    0.000000] Linux version 7\nWelcome to Fake OS!\n"));
    };
    await it.reboot();
    expect(await it.bootId()).toBe(id);
    expect(fake.connections()).toBe(2);
  });

  test("a guest that is given up before its time is told by the time that passed", async () => {
    const hooks: Hooks = { onReboot: () => undefined };
    let isGone = false;
    await using fake = await startFake(answering(hooks));
    const { machine, signal } = fake.options;
    const { port } = await sshAddressOf(machine, signal);
    // Port 1 of the host, where nobody listens.
    const sshAddress = async () => ({ host: "127.0.0.1", port: isGone ? 1 : port });
    Object.assign(machine, { sshAddress });
    await using it = await connectGuest({ ...fake.options, readyTimeoutMs: 30_000 });
    hooks.onReboot = () => {
      isGone = true;
      fake.console.feed(
        Buffer.from(
          "[    0.000000] Linux version 7\nWelcome to Fake OS!\n[  OK  ] Reached target Multi-User System.\n",
        ),
      );
    };
    const failure = await failureOf(it.reboot());
    expect(failure.kind).toBe("failed BootFailed");
    expect(failure.text).toMatch(
      /^Guest 'fake' did not come back within [12]\.\d s of its reboot\.[\s\S]*gave up +1\.5 s after the console showed/,
    );
  });

  test("a panic of the new boot ends the wait at once", async () => {
    const hooks: Hooks = { onReboot: () => undefined };
    const { fake, guest } = await connectTo(answering(hooks));
    await using _fake = fake;
    await using it = await guest;
    hooks.onReboot = () =>
      fake.console.feed(
        Buffer.from(
          "[    0.000000] Linux version 7\n[    2.000000] Kernel panic - not syncing: v2\n",
        ),
      );
    const failure = await failureOf(it.reboot());
    expect(failure.kind).toBe("failed BootFailed");
    expect(failure.text).toContain("Kernel panic - not syncing: v2");
  });
});

describe("a guest that goes down although nobody asked it to", () => {
  const firmware = 'BdsDxe: loading Boot0001 "UEFI Misc Device"\r\n';
  const kernel = "[    0.000000] Linux version 7\n";
  const otherBootId = oneBootId.replace("0b", "1c");
  const rebooted = "Guest 'fake' has rebooted by itself.";

  test("has failed when its connection is cut in mid-command, console silent", async () => {
    let id = oneBootId;
    const { fake, guest } = await connectTo({
      bootId: () => id,
      onCommand: (_command, _channel, socket) => {
        id = otherBootId;
        socket.destroy();
      },
    });
    await using _fake = fake;
    await using it = await guest;
    const failure = await failureOf(it.run`bootc upgrade`);
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain(rebooted);
    expect(failure.text).toContain(`${oneBootId} before, ${otherBootId} now`);
  });

  test("has failed in the same words when its console shows it and nothing answers any more", async () => {
    const { fake, guest } = await connectTo({
      onCommand: (_command, _channel, socket) => {
        socket.destroy();
        fake.console.feed(Buffer.from(`[   60.0] reboot: Restarting system\n${firmware}`));
      },
    });
    await using _fake = fake;
    await using it = await guest;
    const failure = await failureOf(it.run`bootc upgrade`);
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain(rebooted);
    expect(failure.text).toContain("reboot: Restarting system");
    // And so does every later command, whenever it comes.
    expect((await failureOf(it.run`true`)).text).toContain(rebooted);
  });

  test("is told at once when a hard reset leaves the connection hanging", async () => {
    let silent = false;
    const { fake, guest } = await connectTo({
      bootId: () => oneBootId,
      onCommand: () => undefined,
      mute: () => silent,
    });
    await using _fake = fake;
    await using it = await guest;
    const running = failureOf(it.exec("sleep infinity", { timeoutMs: 60_000 }));
    silent = true;
    fake.console.machineReset();
    const failure = await running;
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain(rebooted);
  });

  test("has failed when it says that it stops and never comes back", async () => {
    const { fake, guest } = await connectTo({
      onCommand: (command, channel, socket) =>
        command.includes("systemctl is-system-running")
          ? reply(channel, "stopping\n", 1)
          : void socket.destroy(),
    });
    await using _fake = fake;
    await using it = await guest;
    const failure = await failureOf(it.run`bootc upgrade`);
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain("Guest 'fake' is shutting down by itself.");
  });

  test("has failed when it switches itself off, and the words do not speak of a boot", async () => {
    const { fake, guest } = await connectTo({
      onCommand: (_command, _channel, socket) => {
        socket.destroy();
        fake.console.machineSaid("powered-off", "the guest switched itself off");
      },
    });
    await using _fake = fake;
    await using it = await guest;
    for (const failure of [await failureOf(it.run`true`), await failureOf(it.run`true`)]) {
      expect(failure.kind).toBe("failed BootFailed");
      expect(failure.text).toMatch(/^Guest 'fake' went down: the guest switched itself off\./);
    }
  });

  test("is not one that only prints a boot's lines on its console", async () => {
    let running: ServerChannel | null = null;
    const { fake, guest } = await connectTo({
      bootId: () => {
        // Asked whether it is still the same boot, it says so, and the command goes on.
        if (running !== null) reply(running, "done\n");
        running = null;
        return oneBootId;
      },
      onCommand: (_command, channel) => {
        running = channel;
        fake.console.feed(Buffer.from(kernel));
      },
    });
    await using _fake = fake;
    await using it = await guest;
    expect(await it.run`cat /var/log/dmesg`).toBe("done");
    expect(await it.bootId()).toBe(oneBootId);
    await vi.waitFor(() => expect(fake.console.stage).toBe("ssh"));
  });
});
