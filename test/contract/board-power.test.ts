/** Power switches against real HTTP servers and real programs: what they do, and how each of their faults is told. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { type Board, boardsSchema } from "../../harness/machine/board/config.ts";
import type { Act, Person } from "../../harness/machine/board/person/person.ts";
import { openSwitch } from "../../harness/machine/board/power/open-switch.ts";
import { boardPower } from "../../harness/machine/board/power/power-switch.ts";
import type { Power } from "../../harness/machine/machine.ts";
import { HttpPlug, type PlugKind, type PlugOptions } from "../boards/http-plug.ts";

const { signal } = new AbortController();
const password = "geheimes-wort";
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-power-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  await writeFile(join(folder, "password"), `${password}\n`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

function board(power: string, limits = "{ switchSeconds: 2, offSeconds: 0 }"): Board {
  const text = `version: 1
boards:
  pi:
    place: on the shelf
    power: ${power}
    console: { by: serial, device: /dev/ttyUSB0 }
    storage: { by: command, write: [flash] }
    limits: ${limits}
`;
  const { pi } = parseYaml(text, "boards.yaml", boardsSchema).boards;
  return { name: "pi", ...(pi as Omit<Board, "name">) };
}

interface Scene {
  readonly limits?: string;
  readonly person?: Person;
  readonly saidBytes?: () => number;
}

async function powerOf(config: string, { limits, person, saidBytes }: Scene = {}): Promise<Power> {
  const described = board(config, limits);
  const boardsPath = join(folder, "boards.yaml");
  const opened = await openSwitch({ board: described, boardsPath, person: person ?? null });
  const heard = saidBytes === undefined ? {} : { saidBytes };
  return boardPower({ name: "pi", switch: opened, limits: described.limits, ...heard });
}

const configs: Readonly<Record<PlugKind, (host: string, more: string) => string>> = {
  tasmota: (host, more) => `{ by: tasmota, host: "${host}"${more} }`,
  shelly1: (host, more) => `{ by: shelly, generation: 1, host: "${host}"${more} }`,
  shelly2: (host, more) => `{ by: shelly, generation: 2, host: "${host}"${more} }`,
  plain: (host, more) =>
    `{ by: http, on: "http://${host}/on", off: "http://${host}/off", state: { url: "http://${host}/", on: outlet=1, off: outlet=0 }${more} }`,
};
const kinds = Object.keys(configs) as PlugKind[];
const login = ", passwordFile: password";

async function told(act: Promise<unknown>): Promise<string> {
  const error = await act.then(
    () => new Error("nothing was wrong"),
    (thrown: unknown) => thrown,
  );
  expect(outcomeOf(error).kind, messageOf(error)).toBe("broken");
  expect(messageOf(error)).not.toContain(password);
  return messageOf(error);
}

describe.each(kinds)("a plug that speaks %s", (kind) => {
  const start = (more: Partial<PlugOptions> = {}): Promise<HttpPlug> =>
    HttpPlug.start({ kind, ...more });

  test("is switched on, off, and off and on", async () => {
    const changes: boolean[] = [];
    await using plug = await start({ onPower: (isOn) => changes.push(isOn) });
    const power = await powerOf(configs[kind](plug.host, ""));
    await power.on(signal);
    await power.reset(signal);
    await power.off(signal);
    expect(changes).toEqual([true, false, true, false]);
  });

  test("is told the password that it wants, and one that takes a while is waited for", async () => {
    await using plug = await start({ password, fault: "slow" });
    const power = await powerOf(configs[kind](plug.host, login));
    await power.on(signal);
    expect(plug.isOn).toBe(true);
  });

  test("that refuses the login is told without the password", async () => {
    await using plug = await start({ password: "another-word" });
    const power = await powerOf(configs[kind](plug.host, login));
    expect(await told(power.on(signal))).toMatch(/refuses the login.*boards\.yaml/s);
    const nobody = await powerOf(configs[kind](plug.host, ""));
    expect(await told(nobody.on(signal))).toContain("refuses the login");
  });

  test("whose relay sticks is named", async () => {
    await using plug = await start({ fault: "sticks" });
    plug.isOn = true;
    const power = await powerOf(configs[kind](plug.host, ""), {
      limits: "{ switchSeconds: 2, offSeconds: 0 }",
    });
    expect(await told(power.off(signal))).toMatch(
      /The power of board 'pi' sticks: the \w+ at [\d.:]+ was told off and still says on/,
    );
    expect(plug.isOn).toBe(true);
  });

  test("that never answers ends within its time", async () => {
    await using plug = await start({ fault: "silent" });
    const power = await powerOf(configs[kind](plug.host, ""), {
      limits: "{ switchSeconds: 0.3, offSeconds: 0 }",
    });
    expect(await told(power.on(signal))).toMatch(/did not switch board 'pi' on within 300 ms/);
  });

  test("that breaks, or says what no plug says", async () => {
    await using broken = await start({ fault: "breaks" });
    expect(await told((await powerOf(configs[kind](broken.host, ""))).on(signal))).toContain(
      "answers HTTP 503",
    );
    await using odd = await start({ fault: "answers-nonsense" });
    const power = await powerOf(configs[kind](odd.host, ""), {
      limits: "{ switchSeconds: 2, offSeconds: 0 }",
    });
    expect(await told(power.on(signal))).toContain("'<html>rebooting'");
  });

  test("that is not there", async () => {
    const gone = await start();
    const { host } = gone;
    await gone[Symbol.asyncDispose]();
    expect(await told((await powerOf(configs[kind](host, ""))).on(signal))).toMatch(
      /does not answer: .*ECONNREFUSED/,
    );
  });
});

test("an answer without end is not read to its end", async () => {
  const server = createServer((_, response) => {
    const line = "x".repeat(16_384);
    const more = (): void => {
      while (response.write(line));
      response.once("drain", more);
    };
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect(await told((await powerOf(configs.shelly1(host, ""))).on(signal))).toContain(
      "its answer does not end",
    );
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("an abort ends the act with its own reason", async () => {
  await using plug = await HttpPlug.start({ kind: "tasmota", fault: "silent" });
  const stop = new AbortController();
  const act = (await powerOf(configs.tasmota(plug.host, ""))).on(stop.signal);
  await vi.waitFor(() => expect(plug.asked).toHaveLength(1));
  stop.abort(new Error("Ctrl-C"));
  await expect(act).rejects.toThrow("Ctrl-C");
});

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

  test("switch, are read back, and cycle by themselves", async () => {
    await program("cycle", [`echo on >${folder}/state`, `echo >${folder}/cycled`]);
    const power = await powerOf(config(", state: [relay], cycle: [cycle]"));
    await power.on(signal);
    expect(await state()).toBe("on\n");
    await power.reset(signal);
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

  test("that fail, hang, are not there, or print something else", async () => {
    const short = { limits: "{ switchSeconds: 0.4, offSeconds: 0 }" };
    await program("fails", ["echo no such relay >&2", "exit 3"]);
    const failing = await powerOf(`{ by: command, on: [fails], off: [fails] }`);
    expect(await told(failing.on(signal))).toMatch(/exit code 3.*no such relay/s);
    await program("hangs", ["exec sleep 600"]);
    const hanging = await powerOf(`{ by: command, on: [hangs], off: [hangs] }`, short);
    expect(await told(hanging.on(signal))).toMatch(/within 400 ms/);
    const missing = await powerOf(`{ by: command, on: [not-there], off: [not-there] }`);
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
      const limits = "{ offSeconds: 0.9 }";
      const power = await powerOf("{ by: person }", { person, limits, saidBytes: () => bytes });
      expect(await told(power.off(signal))).toMatch(
        /went on speaking although its plug was pulled: \d+ bytes/,
      );
    } finally {
      clearInterval(talk);
    }
  });

  test("cannot be asked where there is no terminal", async () => {
    expect(await told(powerOf("{ by: person }"))).toContain("nobody can be asked");
  });
});
