/** `--transport auto`: another way than SSH is for guests whose image is not to blame that SSH cannot be had. */
import { appendFileSync } from "node:fs";
import { expect, test } from "vitest";
import { connectGuest } from "../../harness/guest/connect.ts";
import { failureOf } from "../contract/support/failure.ts";
import { boots, guestShell, type Programs, programFolder } from "./support/guest-shell.ts";
import { PtyConsole } from "./support/pty-console.ts";
import { startFake } from "./support/ssh-fake.ts";

const sshdIs = (facts: string): string =>
  `printf 'Id=sshd.service\\nLoadState=loaded\\nUnitFileState=enabled\\n${facts}'`;

const faults: [string, Programs, RegExp][] = [
  [
    "a network that nothing brings up",
    {
      grep: "echo '0: 00000000:0016 00000000:0000 0A'",
      ip: "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 DOWN'",
      systemctl: `case "$*" in *is-system-running*) echo running ;; *show*) ${sshdIs("ActiveState=active\\nResult=success\\n")} ;; *) exit 1 ;; esac`,
    },
    /came up, but its network has no address, and nothing brings its interfaces up\./,
  ],
  [
    "an sshd that has failed",
    {
      grep: "exit 1",
      ip: "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 UP 10.0.2.15/24'",
      systemctl: `case "$*" in *show*) ${sshdIs("ActiveState=failed\\nResult=exit-code\\n")} ;; *) exit 1 ;; esac`,
    },
    /came up, but its sshd\.service has failed \(exit-code\)\./,
  ],
];

test.each(faults)(
  "an image with %s fails by it, and its channel does not serve stories",
  async (_name, programs, words) => {
    await using shell = await guestShell({ cat: boots, sleep: "exit 0", ...programs });
    await using fake = await startFake({ refused: true, port: shell.port });
    const notes: string[] = [];
    const failure = await failureOf(
      connectGuest({
        ...fake.options,
        readyTimeoutMs: 60_000,
        transport: "auto",
        onNote: (note) => notes.push(note),
      }),
    );
    expect(failure.kind).toBe("failed BootFailed");
    expect(failure.text).toMatch(words);
    expect(notes).toEqual([]);
  },
);

test("a person may look at such an image", async () => {
  const [, programs] = faults[1] ?? [];
  await using shell = await guestShell({ cat: boots, sleep: "exit 0", ...programs });
  await using fake = await startFake({ refused: true, port: shell.port });
  const notes: string[] = [];
  const onNote = (note: string): unknown => notes.push(note);
  const options = { ...fake.options, readyTimeoutMs: 60_000, onNote, transport: "any" as const };
  await using guest = await connectGuest(options);
  expect(await guest.run`echo ${"a b"}`).toBe("a b");
  expect(notes.join()).toMatch(/the root channel is used: .* its sshd\.service has failed/);
});

test("an image whose console proves that its own sshd failed is not typed at", async () => {
  const console =
    "[    0.0] Linux version 5\n[    4.2] systemd[1]: systemd 252-51.el9 running in system mode (+PAM)\nWelcome to Fake OS!\n[FAILED] Failed to start OpenSSH server daemon.\n[  OK  ] Reached target Multi-User System.\n";
  await using fake = await startFake({ refused: true, console });
  Object.defineProperty(fake.console, "takesKeys", { value: true });
  const notes: string[] = [];
  const onNote = (note: string): unknown => notes.push(note);
  const options = { ...fake.options, readyTimeoutMs: 10_000, onNote, transport: "auto" as const };
  const failure = await failureOf(connectGuest(options));
  expect(failure.kind).toBe("failed BootFailed");
  expect(failure.text).toMatch(/its console says that its sshd has failed/);
  expect(notes).toEqual([]);
});

/** Port 22 of this host is not the guest's. */
const grep = (listens: boolean): string =>
  `case "$*" in *:0016*) ${listens ? "echo '0: 00000000:0016 00000000:0000 0A'" : "exit 1"} ;; esac; exec /bin/grep "$@"`;
const upDown = "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 DOWN'";
const systemctl = (facts: string): string =>
  `case "$*" in *is-system-running*) echo running ;; *show*) ${sshdIs(facts)} ;; esac`;
const failedUnit = systemctl("ActiveState=failed\\nResult=exit-code\\n");
const runningUnit = systemctl("ActiveState=active\\nResult=success\\n");
const disabledUnit = failedUnit.replace("=enabled", "=disabled");

const upByConsole =
  "[    0.0] Linux version 5\n[    4.2] systemd[1]: systemd 252-51.el9 running in system mode (+PAM)\nWelcome to Fake OS!\n[  OK  ] Reached target Multi-User System.\n";

const overSerial: [string, string, Programs, RegExp | null][] = [
  [
    "an sshd that has failed",
    "tcg",
    { grep: grep(false), systemctl: failedUnit },
    /its sshd\.service has failed/,
  ],
  [
    "an sshd that the image leaves off",
    "tcg",
    { grep: grep(false), systemctl: disabledUnit },
    null,
  ],
  [
    "no address",
    "tcg",
    { grep: grep(true), ip: upDown, systemctl: runningUnit },
    /nothing brings its interfaces up/,
  ],
  ["no cable", "none", { grep: grep(true), ip: upDown, systemctl: runningUnit }, null],
];

test.each(overSerial)(
  "a guest with %s on %s, whose serial console alone answers, is asked there",
  async (_name, accelerator, programs, words) => {
    await using bin = await programFolder(programs);
    await using fake = await startFake({ refused: true, console: `${upByConsole}fake login: ` });
    const env = { ...process.env, PATH: bin.path };
    await using pty = await new PtyConsole({
      env,
      spoil: (bytes) => {
        appendFileSync(fake.console.path, bytes);
        fake.console.feed(bytes);
        return bytes;
      },
    }).spoken();
    Object.assign(fake.options.machine, { accelerator });
    Object.defineProperty(fake.console, "takesKeys", { value: true });
    Object.defineProperty(fake.console, "type", { value: (text: string) => pty.type(text) });
    const notes: string[] = [];
    const onNote = (note: string): unknown => notes.push(note);
    const options = { ...fake.options, readyTimeoutMs: 40_000, onNote, transport: "auto" as const };
    const attempt = connectGuest(options).then((guest) => guest[Symbol.asyncDispose]());
    if (words === null) await attempt;
    else {
      const failure = await failureOf(attempt);
      expect(failure.kind).toBe("failed BootFailed");
      expect(failure.text).toMatch(words);
    }
    expect(notes.join()).toMatch(/the serial console is used/);
  },
);
