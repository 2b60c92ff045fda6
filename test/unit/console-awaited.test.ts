/** What a boot says that it waits for, and where that is told. */
import { expect, test } from "vitest";
import { BootFailed, CannotTell } from "../../harness/base/errors.ts";
import { tooLate } from "../../harness/guest/reach-words.ts";
import { awaitedBy } from "../../harness/machine/console/awaited.ts";
import { sshdFailure } from "../../harness/machine/console/came-up.ts";
import type { Console } from "../../harness/machine/console/console.ts";
import { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import type { Machine } from "../../harness/machine/machine.ts";

test.each([
  [
    "[ ***  ] A start job is running for Wait for Network to be Configured (1min 58s / no limit)",
    "'Wait for Network to be Configured' (1min 58s / no limit)",
  ],
  [
    "[*     ] A start job is running for dev-disk-by\\x2duuid-1.device (12s / 1min 30s)",
    "'dev-disk-by\\x2duuid-1.device' (12s / 1min 30s)",
  ],
  [
    "[  *** ] A start job is running for Set up (and so on) the host (3s / no limit): 12% done",
    "'Set up (and so on) the host' (3s / no limit)",
  ],
  ["(1 of 2) A start job is running for… (19s / no limit)", "'…' (19s / no limit)"],
  [
    "[**    ] A stop job is running for User Manager for UID 1000 (5s / 2min)",
    "the stop of 'User Manager for UID 1000' (5s / 2min)",
  ],
  [
    "[**    ] (2 of 3) Job dracut-initqueue.service/start running (10s / no limit)",
    "'dracut-initqueue.service' (10s / no limit)",
  ],
  [
    "[    **] Job systemd-fsck-root.service/start running (2min 3s / no limit): 14.5% complete...",
    "'systemd-fsck-root.service' (2min 3s / no limit)",
  ],
  [
    "[     *] Job dev-disk-by\\x2dlabel-root.devic…art running (10min 35s / no limit)",
    "'dev-disk-by\\x2dlabel-root.devic…' (10min 35s / no limit)",
  ],
  ["Begin: Waiting for root file system ... ", "'root file system'"],
  [
    "[   40.1] cloud-init[612]: 2026-01-01 - url_helper.py[WARNING]: Calling 'http://169.254.169.254/' failed [30/120s]: request error",
    "'http://169.254.169.254/' (30/120 s)",
  ],
])("%s", (line, words) => {
  expect(awaitedBy(["Welcome to Fake OS!", line, "[   61.5] a kernel message between"])).toBe(
    words,
  );
});

test("jobs that are shown in turn are all named, each once, and no more than three", () => {
  const line = (name: string): string =>
    `[*     ] A start job is running for ${name} (5s / no limit)`;
  expect(awaitedBy([line("A"), line("B")])).toBe("'A' (5s / no limit), 'B' (5s / no limit)");
  expect(awaitedBy([line("A"), line("A")])).toBe("'A' (5s / no limit)");
  expect(awaitedBy(["A", "B", "C", "D"].map(line))).not.toContain("'A'");
});

test.each([
  [["[*     ] A start job is running for A (5s / no limit)", "[  OK  ] Finished A."]],
  [["a program says that a start job is running for nothing"]],
  [[]],
])("what has come is not awaited any more, nor is what nobody said: %j", (lines) => {
  expect(awaitedBy(lines)).toBe(null);
});

const waits = "[ ***  ] A start job is running for /dev/vdb (1min 58s / no limit)";

const late = {
  name: "candidate",
  timeoutMs: 120_000,
  timeScale: 1,
  host: { isWell: true, figures: "load 0.1 on 2 processors" },
};

test("a guest that did not answer in time is told with what it waits for, in words that are not the harness's own", () => {
  const console = {
    stage: "userspace",
    path: "console.log",
    tail: () => [waits],
    said: () => [waits],
    systemd: 257,
  };
  const machine = { console } as unknown as Machine;
  const error = tooLate({ ...late, machine }, {});
  expect(error).toBeInstanceOf(BootFailed);
  expect(error.headline).toBe(
    "Guest 'candidate' did not answer on SSH within 2 min 00 s: it still waits for '/dev/vdb' (1min 58s / no limit).",
  );
  expect(error.ownWords).toBe(
    "Guest 'candidate' did not answer on SSH within 2 min 00 s: it still waits for ….",
  );
});

test.each([
  ["[   ***] A start job is running for Wait for Network to be Online (1min 58s / no limit)", 257],
  ["[***   ] Job chrony-wait.service/start running (1min 50s / 3min)", 257],
  [
    "[***   ] A start job is running for Wait for chrony to synchronize system clock (1min 50s / 3min)",
    257,
  ],
  [
    "[   33.1] cloud-init[612]: url_helper.py[WARNING]: Calling 'http://169.254.169.254/x' failed [50/120s]: x",
    257,
  ],
  ["[***   ] A start job is running for /mnt/nfs (1min 50s / no limit)", 257],
  ["[***   ] A start job is running for Remote File Systems (1min 50s / no limit)", 257],
  ["[***   ] Job remote-fs.target/start running (1min 50s / no limit)", 257],
  ["[***   ] A start job is running for Remote Encrypted Volumes (1min 50s / no limit)", 257],
  ["[***   ] A start job is running for Tailscale node agent (1min 50s / no limit)", 257],
  [
    "[***   ] A start job is running for Forward Password Requests to Clevis (1min 50s / no limit)",
    257,
  ],
  [
    "[***   ] A start job is running for flatpak-add-fedora-repos.service - Add Fedora flatpak repositories (1min 50s / no limit)",
    257,
  ],
  ["[***   ] Job flatpak-preinstall.service/start running (1min 50s / no limit)", 257],
  [
    "[***   ] A start job is running for Google Compute Engine Guest Agent (1min 50s / no limit)",
    257,
  ],
  ["[***   ] Job google-startup-scripts.service/start running (1min 50s / no limit)", 257],
  // Its sshd may not be enabled, and no wish for it is read.
  [waits, 252],
  // Nor is it known to be where the version is not: 'quiet systemd.show_status=1' hides it.
  [waits, null],
])("a guest that waits for %j under systemd %j is not to blame for it", (line, systemd) => {
  const said = { stage: "userspace", path: "console.log", tail: () => [line], said: () => [line] };
  const machine = { console: { ...said, systemd } } as unknown as Machine;
  const error = tooLate({ ...late, machine }, {});
  expect(error).toBeInstanceOf(CannotTell);
  expect(error.details["waits for"]).toMatch(/\(.{1,40}\)$/);
  expect(error.details.network).toEqual(
    line === waits ? undefined : expect.stringMatching(/--network open/),
  );
  // One whose sshd speaks does let nobody in.
  expect(tooLate({ ...late, machine, spoke: true }, {})).toBeInstanceOf(BootFailed);
});

test("a console that falls silent while it waits says so", async () => {
  let now = 0;
  const log = new ConsoleLog({
    path: "console.log",
    name: "candidate",
    firstByteMs: 1000,
    silenceMs: 1000,
    patience: 1,
    now: () => now,
  });
  log.poweredOn();
  log.feed(Buffer.from(`[    0.0] Linux version 7\nWelcome to Fake OS!\n\r${waits}`));
  now = 2000;
  const error = await (log.fatal satisfies Console["fatal"]).catch((reason: Error) => reason);
  log.poweredOff();
  expect(error.message).toMatch(/no output for 2 s[\s\S]*waits for +'\/dev\/vdb'/);
});

/** How a boot ends whose kernel said some lines and then nothing more. */
async function endOf(text: string, patience: number): Promise<Error> {
  let now = 0;
  const limits = { firstByteMs: 1000, silenceMs: 1000, patience, now: () => now };
  const log = new ConsoleLog({ ...limits, path: "console.log", name: "candidate" });
  log.poweredOn();
  log.feed(Buffer.from(text));
  now = 20_000;
  const error = await log.fatal.catch((reason: Error) => reason);
  log.poweredOff();
  return error as Error;
}

test("a kernel that stands still proves something on a real processor only", async () => {
  const text = "[    0.0] Linux version 7\n[    2.022882] hpet0: 3 comparators, 64-bit\n";
  const [real, emulated, late, initrd] = await Promise.all([
    endOf(text, 1),
    endOf(text, 3),
    endOf(text.replace("2.022882", "182.022882"), 3),
    endOf(`${text}[    3.0] systemd[1]: Running in initrd.\n[  OK  ] Reached target A.\n`, 3),
  ]);
  expect(real).toBeInstanceOf(BootFailed);
  expect(emulated).toBeInstanceOf(CannotTell);
  expect(emulated.message).toMatch(/processor +emulated: .*no image to blame/);
  expect(late).toBeInstanceOf(BootFailed);
  expect(initrd).toBeInstanceOf(BootFailed);
});

test("a breakpoint that nobody set proves something on a real processor only", async () => {
  const text = "[    0.0] Linux version 7\n[    5.598459] Oops: int3: 0000 [#1] SMP NOPTI\n";
  expect(await endOf(text, 1)).toBeInstanceOf(BootFailed);
  const emulated = await endOf(text, 3);
  expect(emulated).toBeInstanceOf(CannotTell);
  expect(emulated.message).toMatch(/processor +emulated: .*breakpoints/);
  const other = text.replace("int3", "invalid opcode");
  expect(await endOf(other, 3)).toBeInstanceOf(BootFailed);
});

test("a timer that did not tick for the kernel is the machine's", async () => {
  const panic =
    "[    0.064000] Kernel panic - not syncing: IO-APIC + timer doesn't work!  Boot with";
  const error = await endOf(`[    0.0] Linux version 7\n${panic} apic=debug\n`, 1);
  expect(error).toBeInstanceOf(CannotTell);
  expect(error.message).toMatch(/timer did not tick[\s\S]*how to +run it again/);
  const other = "[    0.0] Linux version 7\n[    1.0] Kernel panic - not syncing: x\n";
  expect(await endOf(other, 3)).toBeInstanceOf(BootFailed);
});

test("time that ran out proves nothing on a host that was not well, nor of a guest in user space that may lack an sshd", () => {
  const at = (stage: string, ...lines: string[]): Machine =>
    ({
      console: { stage, path: "console.log", tail: () => lines, said: () => lines },
    }) as unknown as Machine;
  const host = { isWell: false, figures: "load 40.0 on 2 processors" };
  const starved = tooLate({ ...late, machine: at("kernel", "[    0.1] x"), host }, {});
  expect(starved).toBeInstanceOf(CannotTell);
  expect(starved.message).toContain("load 40.0 on 2 processors");
  const kernel = tooLate({ ...late, machine: at("kernel", "[    0.1] x") }, {});
  expect(kernel).toBeInstanceOf(BootFailed);
  const quiet = at("kernel", "[   18.5] snd_hda_intel 0000:00:1b.0: no codecs found!");
  const warned = tooLate(
    { ...late, machine: { ...quiet, console: { ...quiet.console, hasKernelBanner: false } } },
    {},
  );
  expect(warned).toBeInstanceOf(CannotTell);
  expect(warned.message).toMatch(/said too little of the system[\s\S]*leave 'quiet' out/);
  const inside = tooLate({ ...late, machine: at("userspace", "Welcome to Fake OS!") }, {});
  expect(inside).toBeInstanceOf(CannotTell);
  expect(inside.message).toMatch(/came as far as user space[\s\S]*how to +.*enable sshd/);
  const speaks = { ...late, machine: at("userspace", "Welcome to Fake OS!"), spoke: true };
  expect(tooLate(speaks, {})).toBeInstanceOf(BootFailed);
});

test.each([
  "[FAILED] Failed to start sshd.service - OpenSSH server daemon.",
  "[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.",
  "[FAILED] Failed to start OpenSSH server daemon.",
  "[   12.3] systemd[1]: Failed to start OpenBSD Secure Shell server.",
  "[DEPEND] Dependency failed for sshd.service - OpenSSH server daemon.",
])("an sshd that failed stands on the console: %s", (line) => {
  const rows = ["Welcome to Fake OS!", line, "host login: "];
  expect(sshdFailure(rows)).toBe(line);
  expect(sshdFailure([...rows, "[  OK  ] Started sshd.service - OpenSSH server daemon."])).toBe(
    null,
  );
});

test.each([
  "[FAILED] Failed to start bluetooth.service - Bluetooth service.",
  "[FAILED] Failed to start sshd-keygen@rsa.service - OpenSSH rsa Server Key Generation.",
  "myapp: Failed to start sshd.service - OpenSSH server daemon.",
  "[  OK  ] Started sshd.service - OpenSSH server daemon.",
])("no word of an sshd that failed: %s", (line) => expect(sshdFailure([line])).toBe(null));

test.each([
  ["[***   ] A start job is running for Forward Password Requests to Clevis (2min / no limit)"],
  ["[***   ] A start job is running for Ignition (fetch) (2min / no limit)"],
])("an initramfs that waits for %j is not to blame for it, and for a disk it is", (line) => {
  const at = (said: string): Machine =>
    ({
      console: { stage: "initrd", path: "console.log", tail: () => [said], said: () => [said] },
    }) as unknown as Machine;
  const error = tooLate({ ...late, machine: at(line) }, {});
  expect(error).toBeInstanceOf(CannotTell);
  expect(error.headline).toMatch(
    /still waits for '.*' \(2min .*, which may lie outside of the machine\.$/,
  );
  expect(error.details.network).toMatch(/--network open/);
  expect(tooLate({ ...late, machine: at(waits) }, {})).toBeInstanceOf(BootFailed);
});
