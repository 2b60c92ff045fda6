import { describe, expect, test } from "vitest";
import { failureOf } from "./support/failure.ts";
import { connectTo, type FakeOptions, oneBootId, reply } from "./support/ssh-fake.ts";

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
