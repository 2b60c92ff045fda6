/** What is read of greenboot and of a desktop, whom a display manager that does not run is blamed on, and restarts that are awaited. */
import { describe, expect, test } from "vitest";
import { CannotTell, ExpectationFailed, messageOf } from "../../harness/base/errors.ts";
import { expectDisplayManager } from "../../harness/engine/desktop.ts";
import { expectGreen } from "../../harness/engine/health-checks.ts";
import { isPast } from "../../harness/guest/fall-back.ts";
import type { Guest } from "../../harness/guest/guest.ts";
import { parseDesktop } from "../../harness/guest/tools/desktop.ts";
import {
  parseGreenbootUnits,
  parseMaxAttempts,
  statedBoots,
} from "../../harness/guest/tools/greenboot.ts";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, feed, limits } from "./support/console.ts";

describe("greenboot", () => {
  test.each([
    ["GREENBOOT_MAX_BOOT_ATTEMPTS=5\n", 5],
    ['# GREENBOOT_MAX_BOOT_ATTEMPTS=9\nGREENBOOT_MAX_BOOT_ATTEMPTS = "2"\n', 2],
    ["GREENBOOT_MAX_BOOT_ATTEMPTS=1\nGREENBOOT_MAX_BOOT_ATTEMPTS=4\n", 4],
    ["GREENBOOT_MAX_BOOT_ATTEMPTS=many\n", 3],
    ["", 3],
  ])("%j allows %i attempts", (text, attempts) => {
    expect(parseMaxAttempts(text)).toBe(attempts);
  });

  const block = (unit: string, state = "enabled", load = "loaded"): string =>
    `Id=${unit}.service\nLoadState=${load}\nUnitFileState=${state}\n`;

  test("is told apart by the unit that prepares the way back", () => {
    const rust = parseGreenbootUnits(
      [
        block("greenboot-healthcheck"),
        block("greenboot-grub2-set-counter", "", "not-found"),
        block("greenboot-set-rollback-trigger"),
      ].join("\n"),
    );
    expect(rust).toEqual({ dialect: "rust", isEnabled: true, idle: [] });
    expect(statedBoots({ ...rust, maxAttempts: 3 })).toBe(4);
    const bash = parseGreenbootUnits(
      [
        block("greenboot-healthcheck"),
        block("greenboot-grub2-set-counter"),
        block("greenboot-set-rollback-trigger", "", "not-found"),
        block("greenboot-grub2-set-success", "disabled"),
        block("redboot-auto-reboot", "masked", "masked"),
        block("greenboot-rpm-ostree-grub2-check-fallback", "", "not-found"),
      ].join("\n"),
    );
    expect(bash).toEqual({
      ...{ dialect: "bash", isEnabled: true },
      idle: ["greenboot-grub2-set-success.service", "redboot-auto-reboot.service"],
    });
    expect(statedBoots({ ...bash, maxAttempts: 3 })).toBe(3);
  });

  test("of a kind that nobody knows has no dialect", () => {
    const units = parseGreenbootUnits(block("greenboot-healthcheck", "disabled"));
    expect(units).toEqual({ dialect: null, isEnabled: false, idle: [] });
  });
});

describe("a boot whose health checks failed", () => {
  const red = (network: "closed" | "open") =>
    ({
      ...{ name: "a", lookAt: "console.log", timeScale: 1, machine: { network } },
      exec: async () => ({
        stdout: "Id=greenboot-healthcheck.service\nActiveState=failed\nResult=exit-code\n",
        ...{ stderr: "", exitCode: 0 },
      }),
      systemd: {
        settled: async () => "degraded",
        journal: async () => ["01_repository_dns_check.sh failed"],
        needNetwork: async (units: readonly string[]) => units,
      },
    }) as unknown as Guest;

  test("is nobody's failure where they wait for a network that is closed", async () => {
    await expect(expectGreen(red("closed"))).rejects.toThrow(CannotTell);
    await expect(expectGreen(red("open"))).rejects.toThrow(ExpectationFailed);
  });
});

const show = (more: string): string =>
  `Id=gdm.service\nLoadState=loaded\n${more}\n\nId=graphical.target\nLoadState=loaded\nActiveState=inactive\n`;

test("a display manager has its own name, whichever block comes first", () => {
  const [first = "", second = ""] = show("ActiveState=active\nResult=success\nNRestarts=2").split(
    "\n\n",
  );
  const jobs = "12 gdm.service start waiting\n13 initial-setup.service start running\n";
  for (const text of [`${first}\n\n${second}`, `${second}\n\n${first}`])
    expect(parseDesktop(text, jobs, "graphical.target\n")).toEqual({
      ...{ defaultTarget: "graphical.target", graphical: "inactive" },
      starting: ["initial-setup.service"],
      manager: {
        ...{ unit: "gdm.service", loadState: "loaded", state: "active" },
        ...{ result: "success", restarts: 2 },
      },
    });
});

describe("a display manager that does not run", () => {
  interface Seen {
    readonly manager: string;
    readonly jobs?: string;
    readonly timeScale?: number;
    readonly hasScreen?: boolean;
  }
  const judged = ({ manager, jobs = "", timeScale = 1, hasScreen = true }: Seen) => {
    const said = (command: string): string =>
      /get-default/.test(command)
        ? "graphical.target\n"
        : /list-jobs/.test(command)
          ? jobs
          : show(manager);
    const guest = {
      ...{ name: "a", lookAt: "console.log", timeScale, machine: { hasScreen } },
      exec: async (command: string) => ({ stdout: said(command), stderr: "", exitCode: 0 }),
      systemd: { journal: async () => [] },
    } as unknown as Guest;
    return expectDisplayManager(guest).then(
      (unit) => unit,
      (error: unknown) => error,
    );
  };
  const failed = (result: string): string => `ActiveState=failed\nResult=${result}\nNRestarts=1`;

  test("is the image's failure", async () => {
    const error = await judged({ manager: failed("exit-code") });
    expect(error).toBeInstanceOf(ExpectationFailed);
    expect(messageOf(error)).toMatch(/does not run: gdm\.service/);
    expect(await judged({ manager: failed("exit-code"), timeScale: 6 })).toBeInstanceOf(
      ExpectationFailed,
    );
  });

  test.each<[string, Seen]>([
    ["the machine does not have a screen", { manager: failed("exit-code"), hasScreen: false }],
    ["it may lack memory", { manager: failed("oom-kill") }],
    ["an emulated one ran out of time", { manager: failed("timeout"), timeScale: 6 }],
    [
      "a person is asked first",
      {
        manager: "ActiveState=inactive\nResult=success\nNRestarts=0",
        jobs: "3 initial-setup.service start running\n",
        timeScale: 0.001,
      },
    ],
  ])("is nobody's where %s", async (_, seen) => {
    expect(await judged(seen)).toBeInstanceOf(CannotTell);
  });

  test("is at fault as well where it runs and was started again and again", async () => {
    const error = await judged({ manager: "ActiveState=active\nResult=success\nNRestarts=3" });
    expect(messageOf(error)).toMatch(/was started again 3 times: gdm\.service/);
  });
});

describe("restarts that are awaited", () => {
  const boot = [
    "BdsDxe: loading Boot0001",
    "[    0.000000] Linux version 7.2.0 #1 SMP",
    "[    1.900000] systemd[1]: Running in initrd.",
    "Welcome to Fedora Linux 43!",
    "[FAILED] Failed to start greenboot-healthcheck.service - Greenboot Health Checks Runner.",
    "",
  ].join("\r\n");
  const endAfter = (boots: number, awaited?: number): string | null => {
    const watcher = new ConsoleWatcher(limits);
    watcher.powerOn(0);
    watcher.sshAnswered(1);
    watcher.rebooting(2, awaited);
    for (let one = 0; one < boots; one++) feed(watcher, boot, 10 + one);
    return fatalName(watcher);
  };

  test("are not a loop, and a red boot among them does not end the wait", () => {
    expect(endAfter(1)).toBe("greenboot-red");
    expect(endAfter(5, 6)).toBe(null);
    expect(endAfter(7, 6)).toBe(null);
    expect(endAfter(8, 6)).toBe("reboot-loop");
  });
});

describe("a boot of the deployment that is to be left", () => {
  const options = {
    ...{ name: "a", timeScale: 0.0001, signal: new AbortController().signal },
    machine: { console: { path: "console.log", tail: () => [] } },
    trouble: { signal: new AbortController().signal },
  } as unknown as Parameters<typeof isPast>[1];
  const boots = (hasFile: boolean, state: string) =>
    ({
      bootId: "one",
      transport: {
        exec: async (command: string) =>
          /test -f/.test(command)
            ? { exitCode: hasFile ? 0 : 1, stdout: "", lost: null }
            : { exitCode: 0, stdout: `${state}\n`, lost: null },
      },
    }) as unknown as Parameters<ReturnType<typeof isPast>>[0];

  test("is not the one that is waited for, and another one is", async () => {
    const isIt = isPast("/usr/lib/x", options);
    expect(await isIt(boots(true, "starting"))).toBe(false);
    expect(await isIt(boots(false, "starting"))).toBe(true);
  });

  test("is the image's failure where it comes to rest", async () => {
    const isIt = isPast("/usr/lib/x", options);
    expect(await isIt(boots(true, "degraded"))).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(isIt(boots(true, "degraded"))).rejects.toThrow(/stays in the deployment whose/);
  });
});
