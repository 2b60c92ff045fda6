/** What the gate's commands are pointed at and cannot use: places for the decision, histories, numbers, doubled runs. */
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { known } from "../../harness/cli/commands/known-command.ts";
import { list } from "../../harness/cli/commands/list.ts";
import { verdict } from "../../harness/cli/commands/verdict-command.ts";
import { historyOf } from "../../harness/gate/history/history.ts";
import { appendHistory } from "../../harness/gate/history/history-file.ts";
import { noKnownFailures } from "../../harness/gate/known/known-failures.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { smallEvents } from "../golden/gate-runs.ts";
import {
  file,
  folder,
  green,
  knownFile,
  policyFile,
  printed,
  refused,
  runDirectory,
  soon,
  told,
  useGate,
} from "./gate-bench.ts";
import { mainHere } from "./support/in-process.ts";

useGate();

test("verdicts at the same time do not harm each other", async () => {
  const run = await runDirectory("one");
  const policy = await policyFile();
  const all = Array.from({ length: 6 }, () => verdict([run], { policy }));
  expect(await Promise.all(all)).toEqual([0, 0, 0, 0, 0, 0]);
  expect((await readdir(run)).filter((name) => name.endsWith(".part"))).toEqual([]);
});

test("a page that cannot be renewed does not change the verdict", async () => {
  const run = await runDirectory("one");
  await mkdir(join(run, "report.html"));
  expect(await verdict([run], { policy: await policyFile() })).toBe(0);
  expect(printed).toMatch(/^PROMOTE /);
  expect(told).toMatch(/^'.*one' cannot take report.html: EISDIR/);
});

describe("verdict --out", () => {
  test.each([
    ["below a file", () => "/etc/hostname/x"],
    ["a file that is not .json", () => file("note.txt", "mine")],
    ["below a device", () => "/dev/null/x.json"],
    ["in procfs, where no folder can be", () => "/proc/bootgate-x"],
    [
      "a folder that is called .json",
      async () => {
        await mkdir(join(folder, "d.json"));
        return join(folder, "d.json");
      },
    ],
  ])("%s is refused in a sentence", async (_, out) => {
    const run = await runDirectory("one");
    const path = await out();
    const words = await refused([run], { policy: await policyFile(), out: path });
    expect(words).toMatch(/^The decision cannot be written to '.*': /);
    expect(words).toMatch(/expected +a folder or a file that ends in .json/);
  });

  test("greenwave.json is refused, since the decision would be lost", async () => {
    const run = await runDirectory("one");
    const out = join(folder, "greenwave.json");
    expect(await refused([run], { policy: await policyFile(), out })).toMatch(/written beside it/);
  });

  test("another run's directory is refused: it keeps its own decision", async () => {
    const [one, other] = [await runDirectory("one"), await runDirectory("other")];
    const policy = await policyFile();
    expect(await refused([one], { policy, out: other })).toMatch(/a run that was not judged/);
    expect(await readdir(other)).toEqual(["events.jsonl"]);
    expect(await verdict([one], { policy, out: one })).toBe(0);
  });

  test("makes no folder for a verdict that never came about", async () => {
    const out = join(folder, "new", "place");
    await refused([join(folder, "nowhere")], { out });
    expect(await readdir(folder)).toEqual([]);
    expect(await verdict([await runDirectory("one")], { policy: await policyFile(), out })).toBe(0);
    expect(await readdir(out)).toEqual(["decision.json", "greenwave.json"]);
    expect(await readdir(join(folder, "one"))).toEqual(["events.jsonl"]);
  });

  test("that a full or locked place does not take is the host's fault", async () => {
    await mkdir(join(folder, "greenwave.json", "x"), { recursive: true });
    const run = await runDirectory("one");
    await expect(verdict([run], { policy: await policyFile(), out: folder })).rejects.toMatchObject(
      { name: "HostUnfit", message: expect.stringMatching(/greenwave.json' cannot be written: /) },
    );
  });
});

describe("a history", () => {
  const write = async (path: string): Promise<string> => {
    const model = foldRun(smallEvents({ ...green, run: "old", startedAt: -90_000 }));
    await appendHistory(path, historyOf(model, noKnownFailures, new Date()));
    return path;
  };
  const commands: [string, (history: string) => Promise<unknown>][] = [
    ["verdict", async (history) => verdict([await runDirectory("one")], { history })],
    ["known", (history) => known([], { history })],
    ["list", (history) => list({ history })],
  ];

  test.each(commands)("with damaged lines is told of by %s", async (_, command) => {
    const path = await write(join(folder, "history.jsonl"));
    await writeFile(path, "{half\n", { flag: "a" });
    await command(path);
    expect(told).toBe(`1 line of the history '${path}' could not be read and is not counted.\n`);
  });
  test.each(commands)("that is not there is told of by %s", async (_, command) => {
    const path = join(folder, "no.jsonl");
    await command(path);
    expect(told).toBe(`The history '${path}' does not exist yet.\n`);
  });
  test.each(commands)("that is none is refused by %s", async (_, command) => {
    const path = await file("garbage.jsonl", "not\na history\n");
    await expect(command(path)).rejects.toMatchObject({
      name: "UsageError",
      message: expect.stringMatching(/garbage.jsonl' is not a history: none of its lines/),
    });
  });
  test.each(commands)(
    "that is whole, or empty, is passed over in silence by %s",
    async (_, command) => {
      await command(await write(join(folder, "history.jsonl")));
      await command(await file("empty.jsonl", ""));
      expect(told).toBe("");
    },
  );
});

describe("known", () => {
  const panicked = (name: string) => runDirectory(name, { fates: { "boot/health": "failed" } });

  test("takes a run that is named twice, as by runs/*, or copied, once", async () => {
    const run = await panicked("one");
    await symlink("one", join(folder, "latest"));
    const copy = await runDirectory("copy", { fates: { "boot/health": "failed" }, run: "one" });
    const options = { known: await knownFile(soon()), json: true };
    expect(await known([run, join(folder, "latest"), copy], options)).toBe(0);
    expect(JSON.parse(printed)).toMatchObject([{ hits: 1 }]);
  });

  test("refuses --stale-after 0, by which an entry that was never tried would be stale", async () => {
    const words = ["node", "bootgate", "known", "--known", await knownFile(soon())];
    expect(await mainHere([...words, "--stale-after", "0"])).toBe(2);
    expect(told).toMatch(/--stale-after <n>.*'0' is invalid. Expected a whole number from 1\./);
    expect(await mainHere([...words, "--stale-after", "1"])).toBe(0);
  });
});
