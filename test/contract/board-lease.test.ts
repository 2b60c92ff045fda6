/** Leases between real processes, with a real plug: whichever of them ends, and however, the board is off and free. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import {
  holderOf,
  type Lease,
  releaseBoard,
  takeBoard,
} from "../../harness/machine/board/lease/lease.ts";
import {
  clearBoard,
  noteHealth,
  readHealth,
  refuseAside,
} from "../../harness/machine/board/lease/quarantine.ts";
import { HttpPlug } from "../boards/http-plug.ts";
import { Script } from "./support/namespaces.ts";

const { signal } = new AbortController();
const soon = { timeout: 30_000, interval: 50 };
let folder = "";
let plug: HttpPlug;
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-lease-"));
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "boards"));
  plug = await HttpPlug.start({ kind: "tasmota" });
  path = join(folder, "boards.yaml");
  await describeBoard(`{ by: tasmota, host: "${plug.host}" }`);
});
afterEach(async () => {
  await plug[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const describeBoard = (power: string): Promise<void> =>
  writeFile(
    path,
    `version: 1
boards:
  pi:
    power: ${power}
    console: { by: serial, device: /dev/ttyUSB0 }
    storage: { by: command, write: [flash] }
    limits: { switchSeconds: 2 }
`,
  );

async function take(
  more: { lastsMs?: number; onWait?: (holder: string) => void; stop?: AbortSignal } = {},
): Promise<Lease> {
  const boards = await loadBoards(path);
  const { lastsMs = 600_000, onWait, stop = signal } = more;
  return takeBoard({
    board: boardNamed(boards, "pi"),
    boardsPath: path,
    use: "runs/x",
    lastsMs,
    signal: stop,
    ...(onWait === undefined ? {} : { onWait }),
  });
}

describe("a lease", () => {
  test("is one holder's, told to others with who and until when, and ends with the board off and free", async () => {
    {
      await using _lease = await take();
      plug.turn(true);
      expect(await holderOf("pi")).toMatchObject({ pid: process.pid, use: "runs/x" });
      const refused = await take().catch((error: unknown) => error);
      expect(outcomeOf(refused).kind).toBe("broken");
      expect(messageOf(refused)).toMatch(
        /^Board 'pi' is busy: \S+ since \S+ \S+ until \S+ \S+ UTC, for runs\/x \(process \d+\) has it/,
      );
      expect(plug.isOn).toBe(true);
    }
    expect(plug.isOn).toBe(false);
    expect(await holderOf("pi")).toBeNull();
  });

  test("of a run that is killed with -9 frees the board and switches it off, and who waits gets it then", async () => {
    await using run = new Script("takes-a-board.ts", [path]);
    expect(await run.line(0)).toBe("held");
    plug.turn(true);
    const waits: string[] = [];
    const next = take({ onWait: (holder) => waits.push(holder) });
    await vi.waitFor(() => expect(waits).toHaveLength(1), soon);
    expect(waits[0]).toContain("for a test");
    expect(plug.isOn).toBe(true);
    await run.kill();
    await using _lease = await next;
    expect(plug.isOn).toBe(false);
  });

  test("ends when its time is up, and its holder hears of it", async () => {
    const lease = await take({ lastsMs: 1000 });
    plug.turn(true);
    const error = await lease.lost.catch((thrown: unknown) => thrown);
    expect(messageOf(error)).toMatch(/The lease of board 'pi' has ended: its 1\.0 s were up/);
    expect(outcomeOf(error).kind).toBe("broken");
    expect(plug.isOn).toBe(false);
    await lease[Symbol.asyncDispose]();
  });

  test("is ended by somebody else's release", async () => {
    const lease = await take();
    plug.turn(true);
    expect(await releaseBoard("pi")).toContain("for runs/x");
    await expect(lease.lost).rejects.toThrow("its keeper was ended");
    expect(plug.isOn).toBe(false);
    await expect(releaseBoard("pi")).rejects.toThrow("Board 'pi' is free.");
    await lease[Symbol.asyncDispose]();
  });

  test("that is waited for is not taken any more by one who was told to stop", async () => {
    await using _lease = await take();
    const stop = new AbortController();
    const next = take({ stop: stop.signal, onWait: () => stop.abort(new Error("Ctrl-C")) });
    await expect(next).rejects.toThrow("Ctrl-C");
    expect(await holderOf("pi")).toMatchObject({ use: "runs/x" });
  });

  test("tells when the board could not be switched off, and that a person has to", async () => {
    await plug[Symbol.asyncDispose]();
    plug = await HttpPlug.start({ kind: "tasmota", fault: "sticks" });
    plug.isOn = true;
    await describeBoard(`{ by: tasmota, host: "${plug.host}" }`);
    const stuck = await take();
    await stuck[Symbol.asyncDispose]();
    expect(stuck.leftOn).toContain("The power of board 'pi' sticks");
    await describeBoard("{ by: person }");
    const byHand = await take();
    await byHand[Symbol.asyncDispose]();
    expect(byHand.leftOn).toBe("a person switches it");
    expect(await holderOf("pi")).toBeNull();
  });
});

describe("a board's health", () => {
  test("is noted over runs; after so many failures in a row it is set aside until a person clears it", async () => {
    await refuseAside("pi");
    await noteHealth("pi", "no word from its firmware", 2);
    await noteHealth("pi", null, 2);
    await noteHealth("pi", "no word from its firmware", 2);
    await refuseAside("pi");
    await noteHealth("pi", "the card vanished", 2);
    const refused = await refuseAside("pi").catch((error: unknown) => error);
    expect(messageOf(refused)).toMatch(
      /Board 'pi' is set aside since .*: 2 health checks failed in a row\..*the card vanished.*boards clear pi/s,
    );
    expect(outcomeOf(refused).kind).toBe("broken");
    expect((await noteHealth("pi", null, 2)).aside).not.toBeNull();
    await clearBoard("pi");
    await refuseAside("pi");
    await expect(clearBoard("pi")).rejects.toThrow("is not set aside");
  });

  test("that is damaged holds the board back, and can be cleared", async () => {
    await noteHealth("pi", "x", 9);
    await writeFile(join(folder, "boards", "pi", "health.json"), '{"failures":');
    await expect(readHealth("pi")).rejects.toThrow(/is damaged.*boards clear pi/s);
    await clearBoard("pi");
    expect((await readHealth("pi")).failures).toBe(0);
  });
});
