import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Deviation } from "../../harness/base/deviations.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { commands } from "../../harness/guest/commands.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import { evidenceLines } from "../../harness/guest/evidence-line.ts";
import { sshAddressOf } from "../../harness/guest/ssh/address-of.ts";
import type { SshGuest } from "../../harness/guest/ssh/ssh-guest.ts";
import { allWantedTold } from "../../harness/guest/ssh-commands.ts";
import type { ExecOutcome } from "../../harness/guest/transport.ts";

import { failureOf } from "../contract/support/failure.ts";
import { boots, guestShell, type Programs } from "./support/guest-shell.ts";
import {
  type FakeOptions,
  type OnCommand,
  oneBootId,
  reply,
  startFake,
} from "./support/ssh-fake.ts";

const quietConsole = "BdsDxe: loading Boot0001\n";
const units = (facts: string): string =>
  `case "$*" in *show*) printf '${facts}' ;; *is-enabled*) echo disabled ;; esac`;
const failedUnits = (unit: string): string =>
  `case "$*" in *list-units*) echo '${unit} loaded failed failed Network' ;; *is-enabled*) echo disabled ;; esac`;
const notFound =
  "Id=%s\\nLoadState=not-found\\nActiveState=inactive\\nResult=success\\nUnitFileState=\\n";
const failed =
  "Id=sshd.service\\nLoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nUnitFileState=enabled\\n";
const addresses = "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 UP 10.0.2.15/24'";

const noAddress = "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 DOWN'";

const listens = "echo '0: 00000000:0016 00000000:0000 0A'";
const silent = "exit 1";
const sleepless = "exit 0";

describe("a guest that answers over its root channel", () => {
  test("is logged in to once sshd listens, though its console said nothing", async () => {
    await using shell = await guestShell({ cat: boots, grep: listens });
    await using fake = await startFake({ port: shell.port, console: quietConsole });
    await using guest = await connectGuest({ ...fake.options, readyTimeoutMs: 20_000 });
    expect(await guest.bootId()).toBe(oneBootId);
    expect(fake.console.stage).toBe("ssh");
    expect(fake.connections()).toBe(1);
  });

  const cases: [string, FakeOptions, Programs, string, RegExp][] = [
    [
      "whose sshd has failed is failed by that",
      { refused: true },
      { grep: silent, systemctl: units(failed), ip: addresses },
      "failed BootFailed",
      /^Guest 'fake' came up, but its sshd\.service has failed \(exit-code\)\./,
    ],
    [
      "that does not have an sshd is not failed",
      { refused: true },
      { grep: silent, systemctl: units(notFound), ip: addresses },
      "broken CannotTell",
      /came up, but it does not have an sshd, so it cannot be asked over SSH[\s\S]*--transport channel/,
    ],
    [
      "whose network has failed is failed by that",
      { onSocket: () => undefined },
      { grep: listens, ip: noAddress, systemctl: failedUnits("NetworkManager.service") },
      "failed BootFailed",
      /came up, but its network has no address, and its NetworkManager\.service has failed\.[\s\S]*eth0 DOWN/,
    ],
    [
      "whose sshd accepts and never answers is failed by that",
      { onSocket: () => undefined },
      { grep: listens, ip: addresses },
      "failed BootFailed",
      /came up, but its sshd listens and does not answer from outside\.[\s\S]*no SSH banner has come/,
    ],
    [
      "that refuses the key is not failed",
      { acceptsKey: () => false },
      { grep: listens, ip: addresses },
      "broken CannotTell",
      /came up, but its sshd does not take the harness's key/,
    ],
  ];
  test.each(cases)("%s", async (_name, options, programs, kind, words) => {
    await using shell = await guestShell({ cat: boots, sleep: sleepless, ...programs });
    await using fake = await startFake({ ...options, port: shell.port });
    const failure = await failureOf(connectGuest({ ...fake.options, readyTimeoutMs: 60_000 }));
    expect(failure.kind).toBe(kind);
    expect(failure.text).toMatch(words);
  });

  test("whose sshd speaks and ends each login has all its time, and is failed in true words", async () => {
    await using shell = await guestShell({ cat: boots, grep: listens, ip: addresses });
    await using fake = await startFake({
      port: shell.port,
      onSocket: (socket) => {
        socket.on("error", () => undefined).on("data", () => socket.destroy());
        socket.write("SSH-2.0-OpenSSH_10.0\r\n");
      },
    });
    const failure = await failureOf(connectGuest({ ...fake.options, readyTimeoutMs: 5000 }));
    expect(failure.kind).toBe("failed BootFailed");
    expect(failure.text).toMatch(/speaks on its SSH port, and no login came to its end within 5/);
  });

  test("is asked over it for what the harness wants to know itself, and over SSH where it is silent", async () => {
    await using shell = await guestShell({ cat: boots, grep: listens, ip: addresses });
    const asked: string[] = [];
    await using fake = await startFake({
      port: shell.port,
      onCommand: (command, channel) => {
        asked.push(command);
        reply(channel, "over SSH\n");
      },
    });
    await using guest = await connectGuest({ ...fake.options, readyTimeoutMs: 20_000 });
    expect((await guest.aside.exec("echo over the channel")).stdout).toBe("over the channel\n");
    expect(asked.filter((command) => command.includes("echo"))).toEqual([]);
    shell.port.stop();
    expect((await guest.aside.exec("echo over the channel")).stdout).toBe("over SSH\n");
  });

  test("whose sshd fails in the middle of a story is failed by that, and not lost", async () => {
    await using workspace = await createWorkspace("flag");
    const flag = join(workspace.path, "sshd-has-failed");
    await using shell = await guestShell({
      cat: boots,
      grep: `test -e '${flag}' || ${listens}`,
      systemctl: units(failed),
      ip: addresses,
    });
    await using fake = await startFake({
      port: shell.port,
      onCommand: (command, channel, socket) => {
        if (!command.includes("story")) return reply(channel, "");
        writeFileSync(flag, "");
        socket.destroy();
      },
    });
    const { machine } = fake.options;
    const { port } = await sshAddressOf(machine, fake.options.signal);
    // Port 1 of the host, where nobody listens.
    const sshAddress = async () => ({ host: "127.0.0.1", port: existsSync(flag) ? 1 : port });
    await using guest = await connectGuest({
      ...fake.options,
      machine: Object.assign(machine, { sshAddress }),
      readyTimeoutMs: 20_000,
    });
    const failure = await failureOf(guest.run`story`);
    expect(failure.kind).toBe("failed BootFailed");
    expect(failure.text).toMatch(/its sshd\.service has failed.*connection was lost[\s\S]*story/);
  });

  test("serves stories where SSH cannot be had and that was allowed, and it is said", async () => {
    const programs = { grep: silent, systemctl: units(notFound), sleep: sleepless };
    await using shell = await guestShell({ cat: boots, ip: addresses, ...programs });
    await using fake = await startFake({ refused: true, port: shell.port });
    const deviations: Deviation[] = [];
    const notes: string[] = [];
    await using guest = await connectGuest({
      ...fake.options,
      readyTimeoutMs: 60_000,
      transport: "auto",
      onDeviation: (deviation) => deviations.push(deviation),
      onNote: (note) => notes.push(note),
    });
    expect(await guest.run`echo ${"a b"}`).toBe("a b");
    expect(deviations.map(({ id }) => id)).toEqual(["channel-stories"]);
    expect(notes.join()).toMatch(/SSH cannot be had.*does not have an sshd/);
  });

  test("serves stories alone where that was asked for", async () => {
    await using shell = await guestShell({ cat: boots });
    await using fake = await startFake({ port: shell.port, console: quietConsole });
    await using guest = await connectGuest({ ...fake.options, transport: "channel" });
    expect((await guest.attempt`sh -c ${"echo e >&2; exit 4"}`).exitCode).toBe(4);
    expect(fake.connections()).toBe(0);
  });

  test("tells that its image does not enable sshd", async () => {
    await using shell = await guestShell({ cat: boots, grep: listens, systemctl: units("") });
    await using fake = await startFake({ port: shell.port });
    const told: string[] = [];
    const onDeviation = ({ id }: Deviation): unknown => told.push(id);
    const options = { ...fake.options, readyTimeoutMs: 20_000, onDeviation };
    await using _guest = await connectGuest(options);
    expect(told).toEqual(["sshd-wanted"]);
  });

  test("without the channel, tells it over SSH all the same", async () => {
    for (const [said, ids] of [
      ["disabled\n", ["sshd-wanted"]],
      ["enabled\n", []],
    ] as const) {
      await using fake = await startFake({
        onCommand: (command, channel) =>
          reply(
            channel,
            command.startsWith("systemctl is-enabled") ? said : `${allWantedTold}\n`,
            1,
          ),
      });
      const told: string[] = [];
      const onDeviation = ({ id }: Deviation): unknown => told.push(id);
      await using _guest = await connectGuest({ ...fake.options, onDeviation });
      expect(told).toEqual(ids);
    }
  });

  test("gives evidence with its sshd dead", async () => {
    await using shell = await guestShell({ cat: boots });
    await using fake = await startFake({ refused: true, port: shell.port });
    expect(await firstAnswer(fake, "echo journal; exit 1")).toMatchObject({
      stdout: "journal\n",
      exitCode: 1,
    });
  });
});

/** What the first way to a guest says that has not been reached. */
async function firstAnswer(
  { options: { machine, key } }: Awaited<ReturnType<typeof startFake>>,
  command: string,
): Promise<ExecOutcome | null> {
  const { signal } = new AbortController();
  const source = { machine, guest: null, login: { key, timeScale: 1 } };
  for await (const line of evidenceLines(source, { bannerMs: 3000, signal })) {
    // Waited for here: leaving the loop ends the login.
    const answer = await line.exec(command, { timeoutMs: 5000, maxBytes: 1000, signal });
    return answer;
  }
  return null;
}

test("without a channel, evidence comes over a login of its own", async () => {
  await using fake = await startFake({ onCommand: (_, channel) => reply(channel, "journal\n") });
  expect(await firstAnswer(fake, "journalctl")).toMatchObject({ stdout: "journal\n" });
});

test("a guest of which nothing was heard is not failed", async () => {
  await using fake = await startFake({ refused: true, console: quietConsole });
  const failure = await failureOf(connectGuest({ ...fake.options, readyTimeoutMs: 1500 }));
  expect(failure.kind).toBe("broken CannotTell");
  expect(failure.text).toMatch(/it may have booted, and nothing can be asked of it/);
  expect(failure.text).toMatch(/console=ttyS0/);
});

describe("a root whose start-up files print", () => {
  const noise = { stdout: "Welcome to \x1b[1mACME\x1b[0m\n0b8f9c6e-\n", stderr: "warning: x\n" };
  const bootIdAsked = Buffer.from(commands.bootId).toString("base64");
  const bootIdTold = Buffer.from(`echo ${oneBootId}`).toString("base64");

  /** What a shell of this host says to a command line of the harness. */
  const play: OnCommand = (command, channel) => {
    const input: Buffer[] = [];
    channel.on("data", (chunk: Buffer) => input.push(chunk));
    channel.on("end", () => {
      const line = command.replace(bootIdAsked, bootIdTold);
      const shell = spawnSync("/bin/bash", ["-c", line], { input: Buffer.concat(input) });
      channel.write(shell.stdout);
      channel.stderr.write(shell.stderr);
      channel.exit(shell.status ?? 255);
      channel.end();
    });
  };

  test("is understood: output, error output, exit code and input are the command's own", async () => {
    await using fake = await startFake({ noise, onCommand: play });
    const notes: string[] = [];
    await using guest = await connectGuest({
      ...fake.options,
      readyTimeoutMs: 20_000,
      onNote: (note) => notes.push(note),
    });
    expect(notes.join()).toContain("prints by itself");
    expect(await guest.bootId()).toBe(oneBootId);
    const result = await guest.attempt`sh -c ${"cat; echo 'e\"r$r' >&2; exit 5"}`;
    expect(result).toMatchObject({ stdout: "", stderr: 'e"r$r\n', exitCode: 5 });
    const echoed = await (guest as SshGuest).exec("cat", { input: "in\n" });
    expect(echoed.stdout).toBe("in\n");
    expect(await guest.run`printf ${"%s|"} ${["a'b", "$x", "\\n"]}`).toBe("a'b|$x|\\n|");
  });
});

test("a guest is asked for messages that are not translated", async () => {
  const accepted: string[] = [];
  await using fake = await startFake({
    onEnv: (name, value) => accepted.push(`${name}=${value}`),
    onCommand: (_, channel) => reply(channel, ""),
  });
  await using guest = await connectGuest(fake.options);
  await guest.run`true`;
  expect(accepted).toContain("LC_ALL=C");
});
