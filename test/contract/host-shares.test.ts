/** Runs on one host share it, in one PID namespace or several, and what a killed run held is free at once. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HostUnfit, messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { takeLock } from "../../harness/base/lock.ts";
import { takeTold } from "../../harness/engine/host-share.ts";
import { openHostShares } from "../../harness/engine/host-shares.ts";
import { HostBudget } from "../../harness/engine/schedule.ts";
import { namespaceWay, Script } from "./support/namespaces.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-shares-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const { signal } = new AbortController();
const capacity = { memoryMiB: 3000, cpus: 16, diskMiB: 1000 };
const cost = (memoryMiB: number, locks: string[] = []) => ({
  memoryMiB,
  cpus: 1,
  diskMiB: 1,
  locks,
});

test("two runs in two PID namespaces share memory, and the second begins when the first is killed", async ({
  skip,
}) => {
  const way = namespaceWay(skip);
  await using first = new Script("takes-a-share.ts", ["2000"], { way });
  expect(await first.line(1)).toBe("holds");
  await using second = new Script("takes-a-share.ts", ["2000"], { way });
  await second.line(0);
  await using mine = new HostBudget(capacity, { shares: openHostShares() });
  // The round that lets this one in sees the first run's share; the second's would not fit beside both.
  using _small = await mine.take(cost(900), signal);
  expect(second.lines).toEqual(["asks"]);
  await first.kill();
  expect(await second.line(1)).toBe("holds");
});

test("a shell waits for what a run holds and says so, and a run sees what a shell holds", async () => {
  await using run = new Script("takes-a-share.ts", ["2000"]);
  await run.line(1);
  await using shell = new HostBudget(capacity, { shares: openHostShares() });
  const said: string[] = [];
  const taking = takeTold(shell, cost(1500), { signal, onWait: () => said.push("waits") });
  await vi.waitFor(() => expect(said).toEqual(["waits"]));
  await run.kill();
  using _share = await taking;
  await using later = new HostBudget(capacity, { shares: openHostShares() });
  expect(await later.takeNow(cost(2000), signal)).toBeNull();
  using _rest = await takeTold(later, cost(900), { signal, onWait: () => said.push("again") });
  expect(said).toEqual(["waits"]);
});

test("a named lock is held by one run at a time", async () => {
  await using other = new Script("takes-a-share.ts", ["1", "board:pi4-02"]);
  await other.line(1);
  await using mine = new HostBudget(capacity, { shares: openHostShares() });
  const board = mine.take(cost(1, ["board:pi4-02"]), signal);
  using _free = await mine.take(cost(1, ["board:pi4-03"]), signal);
  const first = await Promise.race([board.then(() => "board"), other.kill().then(() => "killed")]);
  expect(first).toBe("killed");
  using _board = await board;
});

test("nothing is left of a share that was given back", async () => {
  const mine = new HostBudget(capacity, { shares: openHostShares() });
  (await mine.take(cost(1), signal))[Symbol.dispose]();
  await mine[Symbol.asyncDispose]();
  const root = join(folder, "bootgate", "shares");
  const [boot = ""] = await readdir(root);
  expect(await readdir(join(root, boot))).toEqual([]);
});

test("a run that can write no more holds what it has told before, and its next job waits", async () => {
  await using other = new Script("cannot-write.ts", []);
  expect(await other.line(0)).toBe("holds, and its next job waits");
  await using mine = new HostBudget(capacity, { shares: openHostShares() });
  expect(await mine.takeNow(cost(1, ["board:pi4-02"]), signal)).toBeNull();
  expect(await mine.takeNow(cost(2000), signal)).toBeNull();
  expect(await mine.takeNow(cost(900), signal)).not.toBeNull();
});

test("a share of a live run that cannot be read may be of everything, until that run ends", async () => {
  await using other = new Script("takes-a-share.ts", ["1"]);
  await other.line(1);
  const root = join(folder, "bootgate", "shares");
  const [boot = ""] = await readdir(root);
  const [file = ""] = await readdir(join(root, boot));
  await writeFile(join(root, boot, file), "");
  await using mine = new HostBudget(capacity, { shares: openHostShares() });
  expect(await mine.takeNow(cost(1), signal)).toBeNull();
  expect(await readdir(join(root, boot))).toContain(file);
  await other.kill();
  expect(await mine.takeNow(cost(1), signal)).not.toBeNull();
});

test("a folder of shares that cannot be written to is the host's fault, with the path", async () => {
  const root = join(folder, "bootgate", "shares");
  await mkdir(join(folder, "bootgate"));
  await writeFile(root, "");
  const error = await new HostBudget(capacity, { shares: openHostShares(root) })
    .take(cost(1), signal)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HostUnfit);
  expect(String(error)).toMatch(/cannot be told what this one takes of it[\s\S]*bootgate\/shares'/);
});

test("a run that has stopped at its turn is named after a while, and keeps no other from ending", async () => {
  await using budget = new HostBudget(capacity, { shares: openHostShares() });
  using _share = await budget.take(cost(1), signal);
  const [bootFolder = ""] = await readdir(join(folder, "bootgate", "shares"));
  const root = join(folder, "bootgate", "shares");
  await using held = await takeLock(join(root, bootFolder, ".lock"), { signal });
  expect(held).toBeDefined();
  const shares = openHostShares(root, { longestTurnMs: 300 });
  const patient = new HostBudget(capacity, { shares });
  const error = await patient.take(cost(1), signal).catch((thrown: unknown) => thrown);
  expect(outcomeOf(error).kind).toBe("broken");
  expect(messageOf(error)).toMatch(
    /Another run on this host has stopped[\s\S]*holder +process \d+/,
  );
  await patient[Symbol.asyncDispose]();
  const stop = new AbortController();
  const stopped = new HostBudget(capacity, { shares: openHostShares(root) });
  const taking = stopped.take(cost(1), stop.signal).catch(() => "stopped");
  stop.abort();
  expect(await taking).toBe("stopped");
  // It would wait for as long as the other one stands.
  await stopped[Symbol.asyncDispose]();
});
