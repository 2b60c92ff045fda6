import { writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { bootIdPath } from "../../harness/guest/commands.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import { failureOf } from "../contract/support/failure.ts";
import { boots, guestShell, type Programs } from "./support/guest-shell.ts";
import type { ShellPort } from "./support/shell-port.ts";
import {
  type Fake,
  type FakeOptions,
  type OnCommand,
  oneBootId,
  reply,
  startFake,
} from "./support/ssh-fake.ts";

describe("a root channel that is lost in the middle of a story played over it", () => {
  const otherBootId = oneBootId.replace("0b", "1c");
  const unit =
    'case "$*" in *bootgate-channel*) echo Result=oom-kill ;; *running*) echo running ;; esac';

  async function lose(
    options: FakeOptions,
    programs: Programs,
    lose: (port: ShellPort, fake: Fake) => void,
    // One that comes back is waited for as long as it takes; for one that does not, the wait is short.
    { asksNext = false, timeScale = 0.05 }: { asksNext?: boolean; timeScale?: number } = {},
  ) {
    await using shell = await guestShell({ cat: boots, systemctl: unit, ...programs });
    await using fake = await startFake({ ...options, port: shell.port });
    await using guest = await connectGuest({
      ...fake.options,
      transport: "channel",
      timeScale,
    });
    const running = failureOf(guest.run`sleep 60`);
    await vi.waitUntil(() => shell.port.sent.some((line) => line.includes("sleep 60")));
    lose(shell.port, fake);
    return {
      failure: await running,
      next: asksNext ? await failureOf(guest.run`echo next`) : null,
    };
  }

  const again = (env: NodeJS.ProcessEnv) => (port: ShellPort) => {
    const path = port.env.PATH;
    port.stop();
    port.start({ ...process.env, PATH: path, ...env });
  };

  test("is lost where its shell was ended and the same boot goes on, and the next command works", async () => {
    const { failure, next } = await lose({ refused: true }, {}, again({}), {
      asksNext: true,
      timeScale: 1,
    });
    expect(failure.kind).toBe("broken GuestLost");
    expect(failure.text).toMatch(/^The root channel to guest 'fake' was lost\./);
    expect(failure.text).toMatch(/answers +the same boot answers over its root channel/);
    expect(failure.text).toMatch(/its unit +Result=oom-kill/);
    expect(next?.text).toBe("it did not fail");
  });

  test("has failed where another boot opens it again, though there is no sshd and the console is silent", async () => {
    const { failure } = await lose({ refused: true }, {}, (port) => {
      writeFileSync(port.files.get(bootIdPath) ?? "", `${otherBootId}\n`);
      again({})(port);
    });
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain("Guest 'fake' has rebooted by itself.");
    expect(failure.text).toContain(`${oneBootId} before, ${otherBootId} now`);
  });

  test("has failed where the guest says over it that it stops", async () => {
    const systemctl = `case "$*" in *running*) echo ${"$"}{STATE:-running}; exit 1 ;; esac`;
    const { failure } = await lose({ refused: true }, { systemctl }, again({ STATE: "stopping" }));
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toContain("Guest 'fake' is shutting down by itself.");
  });

  test("has failed where only the console shows that the guest goes down", async () => {
    const { failure } = await lose({ refused: true }, {}, (port, fake) => {
      port.stop();
      const line = "[  OK  ] Reached target shutdown.target - System Shutdown.\n";
      fake.console.feed(Buffer.from(line));
    });
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toMatch(/is shutting down by itself[\s\S]*System Shutdown/);
  });

  test("has not where those lines are of the boot before", async () => {
    const console = "[  OK  ] Reached target reboot.target - System Reboot.\n";
    const { failure } = await lose({ refused: true, console }, {}, (port) => port.stop());
    expect(failure.kind).toBe("broken GuestLost");
  });

  test("is lost where SSH answers for the same boot, which tells what became of its unit; the story does not change over", async () => {
    const answered: string[] = [];
    const onCommand: OnCommand = (command, channel) => {
      answered.push(command);
      reply(channel, command.includes("bootgate-channel") ? "Result=signal\n" : "running\n");
    };
    const { failure, next } = await lose({ onCommand }, {}, (port) => port.stop(), {
      asksNext: true,
      // SSH is believed once the channel was waited for: a quarter of 20 s.
      timeScale: 0.25,
    });
    expect(failure.kind).toBe("broken GuestLost");
    expect(failure.text).toMatch(/answers +the same boot answers over SSH/);
    expect(failure.text).toMatch(/its unit +Result=signal/);
    expect(answered.join()).not.toContain("echo next");
    expect(next?.text).toContain("does not answer on its root channel any more");
  });

  test("is lost where nothing answers, and all that was asked is told", async () => {
    const { failure } = await lose({ refused: true }, {}, (port) => port.stop());
    expect(failure.kind).toBe("broken GuestLost");
    expect(failure.text).toMatch(/machine +runs\n/);
    expect(failure.text).toMatch(/root channel +nothing in the guest listens/);
    expect(failure.text).toMatch(/last try +connect ECONNREFUSED/);
    expect(failure.text).toContain("Welcome to Fake OS!");
  });

  test("is a panic where the console shows one, and a fault of the machine where that has died", async () => {
    const panic = await lose({ refused: true }, {}, (port, fake) => {
      port.stop();
      fake.console.feed(Buffer.from("[   60.0] Kernel panic - not syncing: no\n"));
    });
    expect(panic.failure.kind).toBe("failed BootFailed");
    const death = await lose({ refused: true }, {}, (port, fake) => {
      port.stop();
      fake.die(new MachineFault("QEMU is gone."));
    });
    expect(death.failure.kind).toBe("broken MachineFault");
  });
});
