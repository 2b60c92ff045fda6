/** Power cuts on this host: a record that QEMU itself has written, disks made of it, and the machines that have one. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import {
  type CutPointOptions,
  cutPointDisk,
} from "../../harness/cli/commands/cut-point-command.ts";
import { factsPathOf, keepRecord } from "../../harness/cuts/keep-record.ts";
import { openCuts } from "../../harness/cuts/open-cuts.ts";
import { Replayer } from "../../harness/cuts/replay.ts";
import { readWriteLog } from "../../harness/cuts/write-log.ts";
import type { MachineSpec } from "../../harness/machine/machine.ts";
import { createQemuDriver } from "../../harness/machine/qemu/driver.ts";
import { simulatedImage } from "../rehearsal/rehearse.ts";
import { diskBytes, filesOf, makeDisk, record } from "./support/cut-disks.ts";

const { signal } = new AbortController();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-cuts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a record of QEMU's", () => {
  test("is read, and replayed to its end makes the disk that QEMU has", async () => {
    const { before, overlay, log, write } = await record(
      folder,
      "write -P 0x41 0 128k",
      "flush",
      "write -P 0x42 1M 1024",
      "write -z 2M 64k",
      // As much as QEMU's overlays let go of at once.
      "discard 0 64k",
      "write -f -P 0x43 5M 512",
    );
    // The machine is switched on again: QEMU goes on in the same record.
    await write("write -P 0x44 7M 512", "flush");
    const whole = join(folder, "whole.raw");
    await runCommand("qemu-img", ["convert", "-O", "raw", overlay, whole]);
    const entries = await readWriteLog(log, diskBytes);
    expect(entries.uncountedBytes).toBe(0);
    expect(entries.entries.filter(({ isFlush }) => isFlush).length).toBeGreaterThanOrEqual(3);
    expect(entries.entries.filter(({ isDiscard }) => isDiscard)).toHaveLength(1);
    await using replayer = await Replayer.open(filesOf(before, log), entries);
    const last = { number: 1, seed: "1", entries: entries.entries.length };
    await replayer.moveTo({ ...last, survival: "order" });
    expect((await readFile(before)).equals(await readFile(whole))).toBe(true);
  });

  test("gives what was flushed, and what was not in any part; what a point adds is taken back", async () => {
    const { before, log } = await record(
      folder,
      "write -P 0x41 0 4096",
      "flush",
      "write -P 0x42 4096 4096",
      "write -P 0x43 8192 4096",
      "flush",
    );
    const entries = await readWriteLog(log, diskBytes);
    await using replayer = await Replayer.open(filesOf(before, log), entries);
    const firsts = async () => [0, 4096, 8192].map(async (at) => (await replayer.read(at, 1))[0]);
    const seen = async () => Promise.all(await firsts());
    const at = { number: 1, seed: "1", entries: 4 } as const;
    await replayer.moveTo({ ...at, survival: "order" });
    expect(await seen()).toEqual([0x41, 0x42, 0x43]);
    await replayer.moveTo({ ...at, survival: "flush" });
    expect(await seen()).toEqual([0x41, 0, 0]);
    await replayer.write(0, Buffer.alloc(512, 0x50));
    await replayer.takeBack();
    expect(await seen()).toEqual([0x41, 0, 0]);
  });

  test("is begun again for a point that lies behind what was brought forward", async () => {
    const { before, log } = await record(
      folder,
      "write -P 0x41 0 4096",
      "flush",
      "write -P 0x42 0 4096",
      "flush",
    );
    const entries = await readWriteLog(log, diskBytes);
    await using replayer = await Replayer.open(filesOf(before, log), entries);
    const changed: number[] = [];
    replayer.onChange(({ endBytes }) => changed.push(endBytes));
    const at = { number: 1, seed: "1", survival: "order" } as const;
    await replayer.moveTo({ ...at, entries: entries.entries.length });
    expect((await replayer.read(0, 1))[0]).toBe(0x42);
    await replayer.moveTo({ ...at, entries: 2 });
    expect((await replayer.read(0, 1))[0]).toBe(0x41);
    expect(changed).toContain(Number.POSITIVE_INFINITY);
    await replayer.moveTo({ ...at, entries: 0 });
    expect((await replayer.read(0, 1))[0]).toBe(0);
  });
});

test("cuts are put together by what they leave, and a disk of one is made again by its number", async () => {
  const { before, log } = await record(
    folder,
    "write -P 0x41 0 4096",
    "flush",
    "write -P 0x42 4096 4096",
    "flush",
  );
  const image = simulatedImage("v1", "1");
  const facts = {
    path: log,
    before: { path: before, format: "raw" as const },
    position: async () => 0,
  };
  const asked = { image, since: 0, signal };
  await using cuts = await openCuts(facts, asked, { count: 20, seed: "a" });
  const states = await cuts.states();
  // A disk without file systems is one state, whatever lies on it.
  expect(states).toHaveLength(1);
  const [state] = states;
  if (state === undefined) expect.unreachable();
  expect(state.points).toHaveLength(20);
  const made = await cuts.disk(state);
  expect(made.cutAt).toBe(state.points[0].number);
  const bytes = await readFile(made.disk?.path ?? "");
  const again = await cuts.disk(state);
  expect((await readFile(again.disk?.path ?? "")).equals(bytes)).toBe(true);
  const kept = await cuts.keep(folder);
  expect((await stat(kept)).size).toBe((await stat(log)).size);
  // A job may have two records.
  const second = await record(folder, "write 0 512", "flush");
  await using others = await openCuts(
    { ...facts, path: second.log, before: { path: second.before, format: "raw" } },
    asked,
    { count: 1, seed: "a" },
  );
  expect(await others.keep(folder)).toBe(join(folder, "writes-2.log"));
  expect((await stat(kept)).size).toBe((await stat(log)).size);
});

describe("the disk of a point is made of a kept record", () => {
  let kept: string;
  let begun: string;
  beforeAll(async () => {
    const { before, log } = await record(
      folder,
      "write -P 0x41 0 4096",
      "flush",
      "write -P 0x42 4096 4096",
      "flush",
      "write -P 0x43 8192 4096",
    );
    begun = before;
    const facts = { before: { path: before, format: "raw" as const }, first: 2, seed: "a" };
    kept = await keepRecord(log, facts, await mkdtemp(join(folder, "job-")));
  });

  const make = async (more: Partial<CutPointOptions> = {}) => {
    const out = join(await mkdtemp(join(folder, "out-")), "cut.raw");
    const said: string[] = [];
    const output = { write: (text: string) => said.push(text) };
    await cutPointDisk(kept, { point: 7, out, ...more }, output);
    return { bytes: await readFile(out), said: said.join(""), out };
  };

  test("as it was, with words for what it is, and nothing else is left", async () => {
    const before = await readFile(begun);
    const { bytes, said, out } = await make();
    expect(said).toMatch(/^point 7 of seed 'a': cut after write [2-9], /);
    expect(said).toContain("Written to ");
    expect([bytes[0], bytes.length]).toEqual([0x41, diskBytes]);
    expect((await make()).bytes.equals(bytes)).toBe(true);
    expect((await make({ seed: "b" })).said).toContain("point 7 of seed 'b'");
    expect(await readdir(dirname(out))).toEqual(["cut.raw"]);
    expect((await readFile(begun)).equals(before)).toBe(true);
    await expect(make({ out })).rejects.toThrow(/is there already/);
  });

  test("and it is said what is missing or wrong", async () => {
    await expect(cutPointDisk(join(folder, "none.log"), { point: 1, out: "x" })).rejects.toThrow(
      /none\.log' does not exist[\s\S]*example/,
    );
    const gone = join(folder, "gone.raw");
    await expect(make({ before: gone })).rejects.toThrow(
      /is not there: '.*gone\.raw'[\s\S]*--before/,
    );
    const facts = await readFile(factsPathOf(kept), "utf8");
    await writeFile(factsPathOf(kept), facts.replace('"first"', '"fist"'));
    await expect(make()).rejects.toThrow(/does not tell of a record of writes[\s\S]*fist/);
    await writeFile(factsPathOf(kept), facts);
    const whole = await readFile(kept);
    await writeFile(kept, whole.subarray(0, 1000));
    const out = join(await mkdtemp(join(folder, "out-")), "cut.raw");
    await expect(make({ out })).rejects.toMatchObject({ name: "CannotTell" });
    expect(await readdir(dirname(out))).toEqual([]);
    await writeFile(kept, whole);
  });
});

describe("a machine whose writes are recorded is neither frozen nor a fork", () => {
  const specOf = (backingFile: string): MachineSpec => ({
    ...{ name: "v1", architecture: "x86_64", firmware: "bios", memoryMiB: 128, cpus: 1 },
    disks: [{ kind: "overlay", backingFile, backingFormat: "raw", contentDigest: "none" }],
    ...{ network: "closed", forwards: [], credentials: {}, recordsWrites: true },
    imageDigest: `sha256:${"1".repeat(64)}`,
  });

  test("by the templates themselves", async () => {
    const spec = specOf((await makeDisk(folder)).path);
    const driver = await createQemuDriver({ cacheDir: folder, accelerator: "tcg" });
    const directory = await mkdtemp(join(folder, "run-"));
    await using machine = await driver.create(spec, { directory, signal });
    expect(await machine.record?.position()).toBe(0);
    await expect(driver.templates.freeze(machine, "key", signal)).rejects.toThrow(
      /'v1' writes is recorded; such a machine cannot be frozen/,
    );
    await expect(driver.templates.fork("key", spec, { directory, signal })).rejects.toThrow(
      /cannot be recorded in a fork/,
    );
  });
});
