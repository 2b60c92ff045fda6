/** What systemd tells of a guest, apart from what the harness did to it: its wish for sshd, its closed network. */
import { describe, expect, test } from "vitest";
import {
  CannotTell,
  GuestLost,
  GuestTooSlow,
  MachineFault,
  messageOf,
} from "../../harness/base/errors.ts";
import { expectHealthy } from "../../harness/engine/healthy.ts";
import { commands } from "../../harness/guest/commands.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { allWantedTold } from "../../harness/guest/ssh-commands.ts";
import { createSystemd, parseRunningJobs } from "../../harness/guest/tools/systemd.ts";

interface Told {
  readonly state?: string;
  readonly failed?: readonly string[];
  /** `systemctl is-enabled` of sshd's units. */
  readonly enabled?: string;
  /** Null: the guest does not tell. An error: what comes instead. */
  readonly jobs?: string | null | Error;
  /** What of the image starts an sshd that is not enabled. Null: the guest does not tell. */
  readonly wanted?: string | null;
  readonly needs?: readonly string[];
  readonly network?: "closed" | "open";
}

/** The error of a guest that tells this at the steps of a healthy boot; null: it is healthy. */
async function judge(told: Told): Promise<unknown> {
  const { state = "degraded", failed = [], enabled = "", jobs = "", needs = [] } = told;
  const { network = "closed", wanted = "" } = told;
  const said = (command: string): string => {
    if (command.includes("--failed"))
      return failed.map((unit) => `${unit} loaded failed failed A unit\n`).join("");
    if (command.includes("is-enabled")) return enabled;
    if (command.includes("list-jobs")) return String(jobs ?? "");
    if (command === commands.sshWanted) return wanted === null ? "" : `${wanted}${allWantedTold}\n`;
    if (command.includes("Wants"))
      return needs.map((unit) => `Id=${unit}\nAfter=network-online.target\n`).join("\n");
    return "";
  };
  const exec = async (command: string) => {
    if (command.includes("is-system-running") && state === "starting")
      throw new GuestTooSlow("It did not end within 120 s and was given up.");
    if (command.includes("list-jobs") && jobs instanceof Error) throw jobs;
    if (command.includes("list-jobs") && jobs === null) throw new GuestTooSlow("Nor the jobs.");
    const stdout = command.includes("is-system-running") ? `${state}\n` : said(command);
    return { command, stdout, stderr: "", exitCode: 0, durationMs: 1, truncated: false };
  };
  const io: GuestIo = { name: "candidate", timeScale: 1, lookAt: "console.log", exec };
  const journalFaults = async () => ({ faults: [], unread: null });
  const systemd = { ...createSystemd(io, network), journalFaults };
  const guest = { ...io, machine: { network }, systemd };
  const step = <T>(_: string, body: () => Promise<T>): Promise<T> => body();
  return expectHealthy(guest as unknown as Parameters<typeof expectHealthy>[0], step).then(
    () => null,
    (error: unknown) => error,
  );
}

describe("an sshd that failed", () => {
  const failed = ["sshd.service", "sshd-keygen@ed25519.service"];

  test("is the harness's own doing where the image leaves it off", async () => {
    const off = "disabled\ndisabled\nnot-found\ndisabled\n";
    expect(await judge({ failed, enabled: off })).toBeNull();
    expect(messageOf(await judge({ failed: [...failed, "own.service"], enabled: off }))).toBe(
      "1 unit(s) failed at boot: own.service.",
    );
  });

  test.each([
    ["enables it", "enabled\n"],
    ["enables its socket", "disabled\ndisabled\nenabled\n"],
    ["does not tell", ""],
  ])("is the image's where that %s", async (_, enabled) => {
    expect(messageOf(await judge({ failed, enabled }))).toMatch(/^2 unit\(s\) failed at boot/);
  });

  test("is the image's where a unit of the image starts it, though it is not enabled", async () => {
    const told = { failed, enabled: "disabled\n", wanted: "multi-user.target\n" };
    expect(messageOf(await judge(told))).toMatch(/^2 unit\(s\) failed at boot/);
  });

  test("is the image's where the guest does not tell in time what starts it", async () => {
    const told = { failed, enabled: "disabled\n", wanted: null };
    expect(messageOf(await judge(told))).toMatch(/^2 unit\(s\) failed at boot/);
  });

  test("that nobody finds failed does not excuse a degraded system", async () => {
    expect(messageOf(await judge({ failed: [] }))).toMatch(/The state of the system/);
  });
});

describe("a start-up that does not end", () => {
  const jobs = [
    "123 chrony-wait.service start running",
    "  7 multi-user.target start waiting",
    "124 mine.service start running\n",
  ];
  const [chrony = "", target = "", mine = ""] = jobs;

  test("proves nothing where all that runs needs the network that the harness has closed", async () => {
    const told = {
      state: "starting",
      jobs: `${chrony}\n${target}\n`,
      needs: ["chrony-wait.service"],
    };
    const error = await judge(told);
    expect(error).toBeInstanceOf(CannotTell);
    expect(messageOf(error)).toMatch(/chrony-wait\.service still waited[\s\S]*--network open/);
    expect(await judge({ ...told, network: "open" })).toBeInstanceOf(GuestTooSlow);
  });

  test("is the image's where something of its own runs as well, or nothing is told", async () => {
    const needs = ["chrony-wait.service"];
    const both = { state: "starting", jobs: `${chrony}\n${mine}`, needs };
    expect(await judge(both)).toBeInstanceOf(GuestTooSlow);
    expect(messageOf(await judge({ state: "starting", jobs: null }))).toMatch(/^It did not end/);
    expect(await judge({ state: "starting", jobs: "No jobs running.\n" })).toBeInstanceOf(
      GuestTooSlow,
    );
  });

  test("does not hide that the machine has died meanwhile, or the way to it is lost", async () => {
    const died = new MachineFault("QEMU has died.");
    expect(await judge({ state: "starting", jobs: died })).toBe(died);
    const lost = new GuestLost("Nothing answers.");
    expect(await judge({ state: "starting", jobs: lost })).toBe(lost);
  });

  test("names the jobs that run, and not those that wait for them", () => {
    expect(parseRunningJobs(jobs.join("\n"))).toEqual(["chrony-wait.service", "mine.service"]);
  });
});
