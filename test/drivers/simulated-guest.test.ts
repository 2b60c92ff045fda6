import { describe, expect, test, vi } from "vitest";
import { failureOf } from "../contract/support/failure.ts";
import type { SimulatedMachine } from "../simulated/machine.ts";
import { bootSimulated, v1, v2 } from "./support/simulated-guest.ts";

describe("a healthy simulated guest", () => {
  test("boots, upgrades, reboots and rolls back by digest", async () => {
    await using rig = await bootSimulated();
    const { guest, shelf, measures } = rig;
    await shelf.publish("os:stable", v1);
    await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    await shelf.publish("os:stable", v2);
    await guest.bootc.upgrade();
    await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    await guest.reboot();
    await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    await guest.bootc.rollback();
    await guest.reboot();
    await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    expect(measures.map(([name]) => name)).toEqual([
      "upgrade.seconds",
      "reboot.seconds",
      "reboot.seconds",
    ]);
  });

  test("a check remembers the update and stages nothing; a locked download does not boot", async () => {
    await using rig = await bootSimulated();
    const { guest, shelf } = rig;
    await shelf.publish("os:stable", v2);
    await guest.bootc.upgrade("--check");
    const { booted, staged } = (await guest.bootc.status()).status;
    expect(booted?.cachedUpdate?.imageDigest).toBe(v2.digest);
    expect(staged).toBeNull();
    await guest.bootc.upgrade("--download-only");
    expect((await guest.bootc.status()).status.staged?.downloadOnly).toBe(true);
    await guest.reboot();
    await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
  });

  test("a pulled plug loses what was staged, and a boot nobody asked for is told", async () => {
    await using rig = await bootSimulated();
    const { guest, shelf, machine } = rig;
    await shelf.publish("os:stable", v2);
    await guest.bootc.upgrade();
    const signal = new AbortController().signal;
    await machine.power.off(signal);
    await machine.power.on(signal);
    const errors: unknown[] = [];
    const ask = () =>
      guest.bootId().catch((error: unknown) => {
        errors.push(error);
        throw error;
      });
    await vi.waitFor(ask, { timeout: 20_000 });
    expect(String(errors.at(-1))).toContain("Guest 'v1' has rebooted by itself.");
    await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
  });

  test("a guest that restarts by itself between two commands has failed, in the words of one in mid-command", async () => {
    await using rig = await bootSimulated();
    await (rig.machine as SimulatedMachine).restartItself();
    const failure = await failureOf(rig.guest.run`true`);
    expect(failure.kind).toBe("failed ExpectationFailed");
    expect(failure.text).toMatch(/^Guest 'v1' has rebooted by itself\./);
    expect(failure.text).toContain("reboot: Restarting system");
  });

  test("a registry that has no such image, or is not forwarded, is an error of bootc", async () => {
    await using rig = await bootSimulated();
    await expect(rig.guest.bootc.upgrade()).rejects.toThrow(/exit code 1[\s\S]*manifest unknown/);
    await expect(rig.guest.bootc.switch("other.example/os:1")).rejects.toThrow(
      "connection refused",
    );
  });

  test("readers and files work on it as on a real guest", async () => {
    await using rig = await bootSimulated();
    const { guest } = rig;
    expect(await guest.systemd.settled()).toBe("running");
    expect(await guest.systemd.failedUnits()).toEqual([]);
    expect(await guest.systemd.stuckUnits()).toEqual([]);
    expect(await guest.systemd.journal({ boot: -1 })).toEqual([]);
    expect(await guest.ostree.rootMount()).toMatchObject({ source: "composefs" });
    expect(await guest.ostree.mount("/nowhere")).toBeNull();
    expect(await guest.ostree.deployments()).toMatchObject([{ booted: true, index: 0 }]);
    const content = "a 'quoted' $line\n\0ü";
    await guest.files.write("/var/lib/a b'c", content);
    expect(await guest.files.read("/var/lib/a b'c")).toBe(content);
    expect(await guest.files.sha256("/var/lib/a b'c")).toMatch(/^[0-9a-f]{64}$/);
    await guest.files.remove("/var/lib/a b'c");
    expect(await guest.files.read("/var/lib/a b'c")).toBeNull();
    expect(await guest.files.sha256("/var/lib/a b'c")).toBeNull();
    await expect(guest.files.write("/usr/x", "")).rejects.toThrow("Read-only file system");
  });

  test("what only a real shell or program can do ends with 127", async () => {
    await using rig = await bootSimulated();
    const { guest } = rig;
    expect(await guest.attempt`toolbox list`).toMatchObject({ exitCode: 127 });
    expect(await guest.exec("echo a | tee b")).toMatchObject({ exitCode: 127 });
  });
});
