/** A board that a person switches and whose card they move: the time that they take is neither a boot's nor a job's. */
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Act, Person } from "../../harness/machine/board/person/person.ts";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { FileCard } from "../boards/card.ts";
import {
  board,
  boots,
  driverOf,
  folder,
  make,
  prepareBoard,
  removeBoard,
  signal,
} from "./support/board-scene.ts";

beforeEach(prepareBoard);
afterEach(removeBoard);

/** Somebody who does what they are asked, after `before`, which comes to nothing where the act has to be refused. */
function somebody(
  before: (act: Act, signal: AbortSignal) => Promise<void> = async () => undefined,
) {
  const asked: string[] = [];
  const person: Person = {
    async ask(act, until) {
      const [, isOn] = /: (put|pull) its plug/.exec(act.what.replace(" in.", ".")) ?? [];
      asked.push(isOn ?? act.what);
      await before(act, until);
      if (isOn !== undefined)
        await fetch(`http://${board.plug.host}/${isOn === "put" ? "on" : "off"}`);
    },
  };
  return { person, asked };
}

const byPerson = (person: Person, limits = defaultLimits(1)) =>
  driverOf({}, { person, limits }, undefined, { power: "{ by: person }" });

/** Returns once somebody has been asked for the plug. */
async function goesOffByItself(machine: Machine, asked: readonly string[]): Promise<void> {
  const off = machine.waitForOff(signal);
  board.powerDown();
  await off;
  await vi.waitFor(() => expect(asked.at(-1)).toBe("pull"), { timeout: 20_000 });
}

test("who takes longer for the plug than a board may be silent does not make its boot a silent one", async () => {
  let made: Machine | null = null;
  // The boot that was begun for them ends by its time: a board that says nothing for so long has not booted.
  const { person } = somebody(async ({ what }) => {
    if (what.includes("on:")) await made?.console.fatal.catch(() => undefined);
  });
  const driver = await byPerson(person, { ...defaultLimits(1), firstByteMs: 1000 });
  await using machine = await make(driver);
  made = machine;
  await machine.power.on(signal);
  expect(await boots(machine)).toBeUndefined();
});

test("a boot begins with the board's first word, not when a person was asked, and not when they come back to say so", async () => {
  const times: number[] = [];
  const { person, asked } = somebody(async () => void times.push(performance.now()));
  const late: Person = {
    async ask(act, until) {
      await person.ask(act, until);
      if (asked.at(-1) !== "put") return;
      await vi.waitFor(() => expect(machine.console.stage).not.toBe("off"), { timeout: 20_000 });
      times.push(performance.now());
    },
  };
  const machine = await make(await byPerson(late));
  expect(machine.poweredOnAt).toBeNull();
  times.length = 0;
  await machine.power.on(signal);
  const [began = 0, heard = 0] = times;
  expect(machine.poweredOnAt).toBeGreaterThan(began);
  expect(machine.poweredOnAt).toBeLessThan(heard);
  expect(await boots(machine)).toBeUndefined();
  times.length = 0;
  await machine.power.reset(signal);
  expect(asked.slice(-2)).toEqual(["pull", "put"]);
  expect(machine.poweredOnAt).toBeGreaterThan(times[1] ?? Number.NaN);
  expect(await boots(machine)).toBeUndefined();
  await machine[Symbol.asyncDispose]();
});

test("a guest that switches itself off is off before somebody has pulled the plug, and what comes next waits for that", async () => {
  const pulls: (() => void)[] = [];
  let isBooted = false;
  const { person, asked } = somebody(async ({ what }) => {
    if (isBooted && what.includes("off:"))
      await new Promise<void>((resolve) => pulls.push(resolve));
  });
  await using machine = await make(await byPerson(person));
  await machine.power.on(signal);
  await boots(machine);
  isBooted = true;
  await goesOffByItself(machine, asked);
  const next = machine.power.off(signal);
  expect(board.isOn).toBe(true);
  pulls[0]?.();
  await next;
  expect(board.isOn).toBe(false);
});

test("nobody is asked any more when a board is given back", async () => {
  let isBooted = false;
  const { person, asked } = somebody(async ({ what }, until) => {
    if (!isBooted || !what.includes("off:")) return;
    await once(until, "abort");
    throw until.reason;
  });
  const machine = await make(await byPerson(person));
  await machine.power.on(signal);
  await boots(machine);
  isBooted = true;
  await goesOffByItself(machine, asked);
  await machine[Symbol.asyncDispose]();
});

test("who moves a card stops the clock of the job, and does not use up the time for writing it", async () => {
  const writeMs = 1500;
  const up = AbortSignal.timeout(writeMs);
  const said: string[] = [];
  const { person } = somebody(async ({ what }) => {
    said.push(what);
    if (!up.aborted) await once(up, "abort");
  });
  const card = "{ by: person, device: /dev/disk/by-id/card, size: { least: 1MiB, most: 1GiB } }";
  const driver = await driverOf(
    {},
    {
      person,
      openCard: () => FileCard.make(join(folder, "card"), 16 * 1024 * 1024, { content: "old" }),
    },
    card,
    { limits: `, writeMinutes: ${writeMs / 60_000}` },
  );
  const machine = await make(driver, {}, () => {
    said.push("stop");
    return () => said.push("go on");
  });
  expect(said).toEqual([
    ...["stop", "Put the card of board 'pc' into the reader of this host.", "go on"],
    ...["stop", "Put the card back into board 'pc'.", "go on"],
  ]);
  await machine[Symbol.asyncDispose]();
});
