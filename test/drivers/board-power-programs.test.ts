/** Switches that a program or a person drives, with real programs: what they do, and how each of their faults is told. */
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Act, Person } from "../../harness/machine/board/person/person.ts";
import { makeFolder, password, powerOf, removeFolder, told } from "./support/board-power.ts";

const { signal } = new AbortController();
let folder = "";
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(removeFolder);

/** A program in a folder that stands first in PATH. */
async function program(name: string, lines: readonly string[]): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, ["#!/bin/sh", ...lines, ""].join("\n"));
  await chmod(path, 0o755);
  if (!(process.env.PATH ?? "").startsWith(folder))
    vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
}
const state = (): Promise<string> => readFile(join(folder, "state"), "utf8");

describe("programs of one's own", () => {
  const config = (more: string): string =>
    `{ by: command, on: [relay, "on"], off: [relay, "off"]${more} }`;
  beforeEach(async () => {
    await program("relay", [
      `[ $# = 0 ] && exec cat ${folder}/state`,
      `echo "$1" >${folder}/state`,
    ]);
  });

  test("switch, are read back, and cycle by themselves where nothing tells whether power was off", async () => {
    await program("cycle", [`echo on >${folder}/state`, `echo >>${folder}/cycled`]);
    await (await powerOf(config(", cycle: [cycle]"))).reset(signal);
    expect(await readFile(join(folder, "cycled"), "utf8")).toBe("\n");
    await program("relay", [
      `[ $# = 0 ] && exec cat ${folder}/state`,
      `echo "$1" >>${folder}/acts`,
      `echo "$1" >${folder}/state`,
    ]);
    const power = await powerOf(config(", state: [relay], cycle: [cycle]"));
    await power.on(signal);
    expect(await state()).toBe("on\n");
    await power.reset(signal);
    const heard = await powerOf(config(", cycle: [cycle]"), { saidBytes: () => 0 });
    await heard.reset(signal);
    expect(await readFile(join(folder, "acts"), "utf8")).toBe("on\noff\non\noff\non\n");
    expect(await readFile(join(folder, "cycled"), "utf8")).toBe("\n");
    await power.off(signal);
    expect(await state()).toBe("off\n");
  });

  test("that do nothing are caught by the state", async () => {
    await writeFile(join(folder, "state"), "on\n");
    const config = `{ by: command, on: ["true"], off: ["true"], state: [relay] }`;
    expect(await told((await powerOf(config)).off(signal))).toContain(
      "was told off and still says on",
    );
  });

  test("whose state is not told once are asked again", async () => {
    await program("flaky", [
      `[ -e ${folder}/asked ] && exec cat ${folder}/state`,
      `echo >${folder}/asked`,
      "exit 1",
    ]);
    const power = await powerOf(config(", state: [flaky]"));
    await power.on(signal);
    expect(await state()).toBe("on\n");
  });

  test("that fail, hang, are not there, or print something else", async () => {
    const short = { limits: "{ switchSeconds: 0.4, offSeconds: 0 }" };
    await program("fails", ["echo no such relay >&2", "exit 3"]);
    const failing = await powerOf(`{ by: command, on: [fails, -p, ${password}], off: [fails] }`);
    expect(await told(failing.on(signal))).toMatch(/exit code 3.*no such relay/s);
    await program("hangs", ["exec sleep 600"]);
    const hanging = await powerOf(`{ by: command, on: [hangs], off: [hangs] }`, short);
    expect(await told(hanging.on(signal))).toMatch(/within 400 ms/);
    // A child of it that lives on keeps its output open.
    await program("leaves", ["setsid sleep 1 &"]);
    const listeners = process.listenerCount("SIGHUP");
    const leaving = await powerOf(`{ by: command, on: [leaves], off: [leaves] }`, short);
    expect(await told(leaving.on(signal))).toMatch(/within 400 ms/);
    await vi.waitFor(() => expect(process.listenerCount("SIGHUP")).toBe(listeners), 9000);
    const missing = await powerOf(
      `{ by: command, on: [not-there, ${password}], off: [not-there] }`,
    );
    expect(await told(missing.on(signal))).toContain("The host has no command 'not-there'");
    const odd = await powerOf(
      `{ by: command, on: [relay, x], off: [relay, x], state: [relay] }`,
      short,
    );
    expect(await told(odd.on(signal))).toMatch(/prints 'x'; expected 'on' or 'off'/);
  });
});

describe("a port of a hub", () => {
  const config = "{ by: uhubctl, location: 1-1.4, port: 2 }";
  const shown = (word: string): string[] => [
    `echo 'Current status for hub 1-1.4 [2109:3431 USB2.10 Hub, USB 2.10, 4 ports, ppps]'`,
    `echo '  Port 1: 0503 power highspeed enable connect [0424:ec00]'`,
    `echo '  Port 2: ${word}'`,
  ];
  const hub = (lines: readonly string[]): Promise<void> =>
    program("uhubctl", [
      `echo "$@" >>${folder}/called`,
      `case "$*" in *-a*) echo "$6" >${folder}/state; exit;; esac`,
      ...lines,
    ]);

  test("is switched and read back", async () => {
    await hub([
      `if [ "$(cat ${folder}/state)" = on ]; then`,
      ...shown("0100 power"),
      "else",
      ...shown("0000 off"),
      "fi",
    ]);
    const power = await powerOf(config);
    await power.on(signal);
    await power.off(signal);
    expect(await readFile(join(folder, "called"), "utf8")).toBe(
      "-l 1-1.4 -p 2 -a on\n-l 1-1.4 -p 2\n-l 1-1.4 -p 2 -a off\n-l 1-1.4 -p 2\n",
    );
  });

  test("that cannot switch, or is not there", async () => {
    const short = { limits: "{ switchSeconds: 2, offSeconds: 0 }" };
    await hub(shown("0103 power enable connect"));
    expect(await told((await powerOf(config, short)).off(signal))).toContain(
      "sticks: the USB port 1-1.4.2 was told off",
    );
    await hub(["echo 'No compatible devices detected at location 1-1.4!' >&2", "exit 1"]);
    expect(await told((await powerOf(config, short)).off(signal))).toMatch(
      /exit code 1.*No compatible devices/s,
    );
    await hub(["true"]);
    expect(await told((await powerOf(config, short)).off(signal))).toMatch(
      /does not tell of USB port.*udev/s,
    );
  });
});

describe("an outlet of a PDU", () => {
  const config =
    "{ by: snmp, host: pdu.example, oid: 1.3.6.1.4.1.318.1.1.4.4.2.1.3.5, communityFile: password }";

  test("is switched by snmpset with a community that no argument shows", async () => {
    const keep = `echo "$0 $*" >>${folder}/called; cp "$SNMPCONFPATH/snmp.conf" ${folder}/conf`;
    await program("snmpset", [keep, `echo "$6" >${folder}/state`, "echo 1"]);
    await program("snmpget", [keep, `cat ${folder}/state`]);
    const power = await powerOf(config);
    await power.on(signal);
    expect(await state()).toBe("1\n");
    await power.off(signal);
    expect(await state()).toBe("2\n");
    expect(await readFile(join(folder, "conf"), "utf8")).toBe(`defCommunity "${password}"\n`);
    expect(await readFile(join(folder, "called"), "utf8")).not.toContain(password);
  });

  test("that does not answer, or says another number", async () => {
    await program("snmpset", ["echo 'Timeout: No Response from pdu.example' >&2", "exit 1"]);
    expect(await told((await powerOf(config)).on(signal))).toMatch(
      /outlet at pdu\.example did not do it.*No Response/s,
    );
    await program("snmpset", ["echo 1"]);
    await program("snmpget", ["echo 4"]);
    const power = await powerOf(config, { limits: "{ switchSeconds: 2, offSeconds: 0 }" });
    expect(await told(power.on(signal))).toContain("says '4'; expected 1 for on or 2 for off");
  });
});

describe("a person", () => {
  test("is asked for each act, with the place of the board", async () => {
    const asked: Act[] = [];
    const person: Person = { ask: async (act) => void asked.push(act) };
    const power = await powerOf("{ by: person }", { person });
    await power.reset(signal);
    expect(asked.map(({ what }) => what)).toEqual([
      "Switch board 'pi' off: pull its plug.",
      "Switch board 'pi' on: put its plug in.",
    ]);
    expect(asked[0]).toMatchObject({ board: "pi", place: "on the shelf", timeoutMs: 600_000 });
  });

  test("who pulls another board's plug is told so by the console", async () => {
    let bytes = 0;
    const talk = setInterval(() => {
      bytes += 40;
    }, 20);
    try {
      const person: Person = { ask: async () => undefined };
      for (const offSeconds of [0.9, 0]) {
        const limits = `{ offSeconds: ${offSeconds} }`;
        const power = await powerOf("{ by: person }", { person, limits, saidBytes: () => bytes });
        expect(await told(power.off(signal))).toMatch(
          /went on speaking although its plug was pulled: \d+ bytes/,
        );
      }
    } finally {
      clearInterval(talk);
    }
  });

  test("cannot be asked where there is no terminal", async () => {
    expect(await told(powerOf("{ by: person }"))).toContain("nobody can be asked");
  });
});
