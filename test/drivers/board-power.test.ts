/** Plugs with a web address, against real HTTP servers: what they do, and how each of their faults is told. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HttpPlug, type PlugKind, type PlugOptions } from "../boards/http-plug.ts";
import { makeFolder, password, powerOf, removeFolder, told } from "./support/board-power.ts";

const { signal } = new AbortController();
beforeEach(async () => void (await makeFolder()));
afterEach(removeFolder);

type Spoken = Exclude<PlugKind, "simplerest">;

const configs: Readonly<Record<Spoken, (host: string, more: string) => string>> = {
  tasmota: (host, more) => `{ by: tasmota, host: "${host}"${more} }`,
  shelly1: (host, more) => `{ by: shelly, generation: 1, host: "${host}"${more} }`,
  shelly2: (host, more) => `{ by: shelly, generation: 2, host: "${host}"${more} }`,
  plain: (host, more) =>
    `{ by: http, on: "http://${host}/on", off: "http://${host}/off", state: { url: "http://${host}/", on: outlet=1, off: outlet=0 }${more} }`,
};
const kinds = Object.keys(configs) as Spoken[];
const login = ", passwordFile: password";

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
