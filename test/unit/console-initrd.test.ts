/**
 * Whose greeting it is: an initramfs whose os-release does not say that it is one (mkinitcpio's, mkosi-initrd's) greets as the
 * system does. systemd tells them apart by what it says before (src/core/main.c): the version, `Running in initrd.`, the greeting,
 * and only then units; and all of it, without that line, once the root is switched.
 */
import { describe, expect, test } from "vitest";
import { ConsoleWatcher, defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import { fatalName, feed, watcherAt } from "./support/console.ts";

const greeting = "\r\nWelcome to \x1b[38;2;23;147;209mArch Linux\x1b[0m!\r\n\r\n";
const version = "systemd[1]: systemd 259-1-arch running in system mode (+PAM +AUDIT)\r\n";
const begins = `[    2.000000] ${version}[    2.100000] systemd[1]: Detected architecture x86-64.\r\n[    2.200000] systemd[1]: Running in initrd.\r\n`;
const units =
  "[    3.100000] systemd[1]: Queued start job for default target Initrd Default Target.\r\n[  OK  ] Reached target Path Units.\r\n         Expecting device /dev/disk/by-uuid/1...\r\n";
const switched = `[    9.000000] systemd-journald[149]: Received SIGTERM from PID 1 (systemd).\r\n[    9.500000] ${version}[    9.600000] systemd[1]: Detected architecture x86-64.\r\n`;

/** A watcher that has been told this behind the kernel's first words. */
function told(...texts: string[]) {
  const watcher = watcherAt("kernel");
  for (const text of texts) feed(watcher, text);
  return watcher;
}

describe("an initramfs that greets as the system does", () => {
  test.each<[string, string, string[]]>([
    ["at once", "initrd", [begins, greeting]],
    ["and starts its units", "initrd", [begins, greeting, units]],
    [
      "behind the kernel's and systemd's other words",
      "initrd",
      [
        begins,
        "[    2.3] fbcon: Taking over console\r\n[    2.4] systemd[1]: Acquired 1 regular credentials, 0 untrusted credentials.\r\n",
        greeting,
      ],
    ],
    [
      "and says that it switches",
      "initrd",
      [begins, greeting, units, "[    8.0] systemd[1]: Switching root.\r\n"],
    ],
    ["before the system does", "userspace", [begins, greeting, units, switched, greeting]],
    ["before a system whose version was lost", "userspace", [begins, greeting, units, greeting]],
    [
      "before a system whose greeting was lost",
      "userspace",
      [begins, greeting, units, switched, units],
    ],
    [
      "before a system that stops the switch",
      "userspace",
      [begins, greeting, units, "[  OK  ] Stopped initrd-switch-root.service - Switch Root.\r\n"],
    ],
    [
      "before a system that stops the target of the switch",
      "userspace",
      [begins, greeting, units, "[    9.9] systemd[1]: Stopped target Switch Root.\r\n"],
    ],
    ["before a quiet system's prompt", "userspace", [begins, greeting, units, "arch login: "]],
    [
      "and starts itself again",
      "initrd",
      [
        begins,
        greeting,
        units,
        switched + begins.slice(begins.indexOf("[    2.200000]")),
        greeting,
        units,
      ],
    ],
    ["whose greeting was lost", "userspace", [begins, units, switched, greeting]],
    [
      "whose greeting was lost, before a system whose version was",
      "userspace",
      [begins, units, greeting],
    ],
  ])("%s: %s", (_name, stage, texts) => {
    expect(told(...texts).stage).toBe(stage);
    const watcher = watcherAt("kernel");
    for (const byte of Buffer.from(texts.join(""))) watcher.feed(Buffer.from([byte]), 1000);
    expect(watcher.stage).toBe(stage);
  });

  test("is read as one: what fails in it ends the boot", () => {
    for (const [name, line] of [
      ["root-mount-failed", "[FAILED] Failed to mount sysroot.mount - /sysroot."],
      ["prepare-root", "[    6.2] ostree-prepare-root[301]: error: composefs: failed to mount"],
      [
        "local-file-systems-failed",
        "[DEPEND] Dependency failed for local-fs.target - Local File Systems.",
      ],
    ] as const) {
      const watcher = told(begins, greeting, units);
      feed(watcher, `${line}\r\n`);
      expect(watcher.fatal).toMatchObject({ pattern: name, stage: "initrd", blame: "image" });
    }
    const locked = told(begins, greeting, units);
    feed(
      locked,
      "[FAILED] Failed to start systemd-cryptsetup@root.service - Cryptography Setup for root.\r\n",
    );
    for (let atMs = 2000; atMs <= 60_000; atMs += 1000) locked.tick(atMs);
    expect(fatalName(locked)).toBe("decrypt-failed");
  });

  test("is to blame when it falls silent after its greeting, where the kernel's lines have no stamps", () => {
    const watcher = new ConsoleWatcher(defaultLimits(1));
    watcher.powerOn(0);
    feed(
      watcher,
      "Linux version 6.11.0 (x@y) (gcc) #1 SMP\r\nRun /init as init process\r\nsystemd[1]: Running in initrd.\r\n\r\nWelcome to Fedora Linux 43 dracut-107 (Initramfs)!\r\n",
    );
    for (let atMs = 2000; atMs <= 400_000; atMs += 1000) watcher.tick(atMs);
    expect(watcher.fatal).toMatchObject({ stage: "initrd", blame: "image" });
  });

  test("is to blame when it falls silent, as one that says what it is", () => {
    for (const text of [greeting, "\r\nWelcome to Fedora Linux 43 dracut-107 (Initramfs)!\r\n"]) {
      const watcher = told(begins, text, units);
      for (let atMs = 2000; atMs <= 200_000; atMs += 1000) watcher.tick(atMs);
      expect(watcher.fatal).toMatchObject({
        pattern: "no-output",
        stage: "initrd",
        blame: "image",
      });
    }
  });
});

describe("a greeting is the system's", () => {
  test("where no initramfs began", () => {
    expect(told(greeting).stage).toBe("userspace");
    expect(told(switched, greeting).stage).toBe("userspace");
  });
  test("on a console that shows systemd's states alone", () => {
    // systemd 257 and later name it (src/core/main.c, os_release_status); the kernel's level hides what is said before.
    const named =
      "\x1b[0;1;39mBooting initrd of \x1b[0m\x1b[1mArch Linux\x1b[0m\x1b[0;1;39m.\x1b[0m\r\n";
    expect(told(named, "[  OK  ] Reached target Path Units.\r\n").stage).toBe("initrd");
    expect(told(named, "[  OK  ] Reached target Path Units.\r\n", greeting).stage).toBe(
      "userspace",
    );
  });
  test("where an initramfs without systemd ran before", () => {
    const scripts =
      "[    1.9] Run /init as init process\r\nBegin: Running /scripts/init-bottom ... done.\r\n";
    expect(told(scripts, switched, greeting).stage).toBe("userspace");
    expect(told(scripts, greeting).stage).toBe("userspace");
  });
  test("in the next boot too, whatever the one before left open", () => {
    const watcher = told(begins);
    watcher.reset(5000);
    feed(watcher, `[    0.000000] Linux version 6\r\n${greeting}`, 6000);
    expect(watcher.stage).toBe("userspace");
  });
});

test("a program that quotes systemd neither opens nor ends an initramfs", () => {
  const watcher = watcherAt("kernel", defaultLimits(1));
  feed(watcher, `[    2.0] probe[7]: said "systemd[1]: Running in initrd."\r\n${greeting}`);
  expect(watcher.stage).toBe("userspace");
});
