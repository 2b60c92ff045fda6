/** Leases between real processes, with a real plug: whichever of them ends, and however, the board is off and free. */
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { listBoards } from "../../harness/cli/commands/boards-command.ts";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import {
  holderOf,
  type Lease,
  releaseBoard,
  takeBoard,
} from "../../harness/machine/board/lease/lease.ts";
import { leasesRoot } from "../../harness/machine/board/lease/lease-place.ts";
import {
  clearBoard,
  noteHealth,
  readHealth,
  refuseAside,
} from "../../harness/machine/board/lease/quarantine.ts";
import { HttpPlug } from "../boards/http-plug.ts";
import { Script } from "../contract/support/namespaces.ts";

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

describe("a keeper", () => {
  const keeperOf = async (): Promise<number> => {
    const facts = await holderOf("pi");
    if (facts === null || facts === "unknown") throw new Error("nobody has the board");
    return facts.keeper;
  };

  test("that is told twice to end still switches the board off", async () => {
    await describeBoard(
      `{ by: command, on: ["true"], off: [sh, -c, "echo >${folder}/begun; sleep 1; echo >${folder}/off"] }`,
    );
    const lease = await take();
    const keeper = await keeperOf();
    process.kill(keeper, "SIGTERM");
    await vi.waitFor(() => stat(join(folder, "begun")), soon);
    process.kill(keeper, "SIGTERM");
    await lease[Symbol.asyncDispose]();
    expect(lease.leftOn).toBeNull();
    expect((await stat(join(folder, "off"))).isFile()).toBe(true);
  });

  test("that dies without a word leaves a board that nobody switched off, and that is told", async () => {
    const lease = await take();
    process.kill(await keeperOf(), "SIGKILL");
    await expect(lease.lost).rejects.toThrow(
      /has ended: its keeper was ended.*boards lease --for/s,
    );
    expect(lease.leftOn).toBe("its keeper was ended before it could");
    await lease[Symbol.asyncDispose]();
  });

  test("is not started for a lease whose file cannot be made", async () => {
    const children = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap").length;
    const before = children();
    await writeFile(join(folder, "file"), "");
    vi.stubEnv("BOOTGATE_BOARDS", join(folder, "file", "boards"));
    await expect(take()).rejects.toThrow("for the leases of boards cannot be made");
    expect(children()).toBe(before);
  });

  test("is found by a folder that a link leads to, and by a relative one", async () => {
    await symlink(folder, join(folder, "link"));
    vi.stubEnv("BOOTGATE_BOARDS", join(folder, "link", "boards"));
    const lease = await take();
    expect(await releaseBoard("pi")).toContain("for runs/x");
    await expect(lease.lost).rejects.toThrow("its keeper was ended");
    await lease[Symbol.asyncDispose]();
    vi.stubEnv("BOOTGATE_BOARDS", "some/boards");
    expect(leasesRoot()).toBe(resolve("some/boards"));
  });
});

describe("a board's health", () => {
  test("can be read by others, whatever the umask of who noted it", async () => {
    const before = process.umask(0o077);
    try {
      await noteHealth("pi", "x", 9);
      expect((await stat(join(folder, "boards", "pi", "health.json"))).mode & 0o777).toBe(0o644);
      await clearBoard("pi");
      expect((await stat(join(folder, "boards", "pi", "health.json"))).mode & 0o777).toBe(0o644);
    } finally {
      process.umask(before);
    }
  });

  test("that this user may not read is not cleared unseen, and hides no other board", async ({
    skip,
  }) => {
    await noteHealth("pi", "x", 1);
    await chmod(join(folder, "boards", "pi", "health.json"), 0);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) await chmod(folder, 0o755);
    if (isRoot) process.seteuid?.(65_534);
    const printed: string[] = [];
    const print = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
    try {
      if (process.geteuid?.() === 0) return skip("this user reads everything");
      const getsThere = await stat(path).then(
        () => true,
        () => false,
      );
      if (!getsThere) return skip("the other user does not get to the folder of the test");
      await expect(clearBoard("pi")).rejects.toThrow(/this user may not read.*chmod a\+r/s);
      await listBoards({ boards: path });
    } finally {
      print.mockRestore();
      if (isRoot) process.seteuid?.(0);
    }
    expect(printed.join("")).toMatch(/^pi .*\n +What is known of board 'pi' cannot be read/);
  });

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
