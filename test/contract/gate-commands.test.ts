/** The gate's commands on real run directories: exit codes, files, and everything that must be refused. */
import { appendFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { known } from "../../harness/cli/commands/known-command.ts";
import { merge } from "../../harness/cli/commands/merge-command.ts";
import { verdict } from "../../harness/cli/commands/verdict-command.ts";
import {
  decisionIn,
  file,
  folder,
  forgetPrinted,
  green,
  knownFile,
  policyFile,
  printed,
  refused,
  runDirectory,
  soon,
  timedRun,
  useGate,
} from "./gate-bench.ts";

useGate();

describe("verdict", () => {
  test("promotes, and writes the decision beside the evidence", async () => {
    const run = await runDirectory("one");
    expect(await verdict([run], { policy: await policyFile() })).toBe(0);
    expect(printed).toMatch(/^PROMOTE reference:v2 sha256:2+: 1 required job passed\nDecision: /);
    expect((await decisionIn(run)).runs[0]?.events).toMatch(/^sha256:[0-9a-f]{64}$/);
    const written = ["decision.json", "events.jsonl", "greenwave.json", "report.html"];
    expect(await readdir(run)).toEqual(expect.arrayContaining(written));
    // The page of the run begins with its verdict.
    expect(await readFile(join(run, "report.html"), "utf8")).toContain("PROMOTE");
  });

  test("holds because of the image with 1, because we cannot tell with 3", async () => {
    const policy = await policyFile();
    const failed = await runDirectory("failed", { fates: { "boot/health": "failed" } });
    expect(await verdict([failed], { policy })).toBe(1);
    const broken = await runDirectory("broken", { fates: { "boot/health": "broken" } });
    expect(await verdict([broken], { policy })).toBe(3);
    expect(printed).toMatch(/^HOLD: boot\/health on x86_64, uefi failed: Guest 'v2' did not boot/);
  });

  test("takes a run that is named twice, as by runs/*, once", async () => {
    const run = await runDirectory("one");
    await symlink("one", join(folder, "latest"));
    expect(await verdict([run, join(folder, "latest")], { policy: await policyFile() })).toBe(0);
  });

  test("without a policy requires every scenario of the gate", async () => {
    expect(await verdict([await runDirectory("one")], {})).toBe(3);
    expect(printed).toMatch(/^HOLD: bootc\/\S+ is required and was not run/);
  });

  test("decides again on the same run, and as JSON elsewhere", async () => {
    const run = await runDirectory("one");
    const policy = await policyFile();
    await verdict([run], { policy });
    forgetPrinted();
    const out = join(folder, "elsewhere", "one.json");
    expect(await verdict([run], { policy, out, json: true })).toBe(0);
    expect(printed).toBe(await readFile(out, "utf8"));
  });

  test("excuses a known failure and holds when its time is over", async () => {
    const failed = await runDirectory("failed", {
      fates: { "boot/health": "failed", "boot/x": "passed" },
    });
    const policy = await policyFile("deviations: {allow: []}\n");
    expect(await verdict([failed], { policy, known: await knownFile("2020-01-01") })).toBe(1);
    expect(printed).toMatch(/it was known until 2020-01-01, which is over/);
    expect(await verdict([failed], { policy, known: await knownFile(soon()) })).toBe(3);
    expect(printed).toMatch(/nothing that is required passed/);
  });

  test("compares with the last promoted run", async () => {
    const policy = await policyFile("budgets: {boot: {ratio: 1.2}}\n");
    const previous = await timedRun("before", 30);
    expect(await verdict([previous], { policy })).toBe(0);
    expect(await verdict([await timedRun("now", 60)], { policy, previous })).toBe(1);
    expect(printed).toMatch(/2.00 times the last promoted run's 30.0 s/);
    await expect(
      verdict([await timedRun("next", 60)], { policy, previous: join(folder, "now") }),
    ).rejects.toThrow(/was held, so it is not the last promoted run/);
    await expect(verdict([previous], { policy, previous })).rejects.toThrow(/compared with itself/);
  });
});

describe("verdict refuses", () => {
  test("no run, and what is not a run", async () => {
    expect(await refused([])).toMatch(/No run was named/);
    expect(await refused([folder])).toMatch(/not a run directory: it has no events.jsonl/);
    expect(await refused([join(folder, "nowhere")])).toMatch(/not a run directory/);
  });

  test("a run that is half written", async () => {
    const run = await runDirectory("killed", { ...green, killed: true });
    expect(await refused([run])).toMatch(/is half written: the log of run 'killed' has no end/);
    const torn = await runDirectory("torn");
    const text = await readFile(join(torn, "events.jsonl"), "utf8");
    await writeFile(join(torn, "events.jsonl"), text.slice(0, -10));
    expect(await refused([torn])).toMatch(/half written/);
  });

  test("a damaged log and one of another version", async () => {
    const run = await runDirectory("damaged");
    const path = join(run, "events.jsonl");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace('"type":"step-started"', '"type":"step-begun"'));
    expect(await refused([run])).toMatch(/events.jsonl:3: not an event of version 1/);
    await writeFile(path, text.replace('"version":1', '"version":7'));
    expect(await refused([run])).toMatch(/written by another version of the harness/);
  });

  test("a log that was changed after it was decided on", async () => {
    const run = await runDirectory("failed", { fates: { "boot/health": "failed" } });
    const policy = await policyFile();
    expect(await verdict([run], { policy })).toBe(1);
    const path = join(run, "events.jsonl");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replaceAll('"kind":"failed"', '"kind":"passed"'));
    expect(await refused([run], { policy })).toMatch(/events of run 'failed' were changed since/);
  });

  test("a decision that was edited", async () => {
    const run = await runDirectory("failed", { fates: { "boot/health": "failed" } });
    const policy = await policyFile();
    await verdict([run], { policy });
    const path = join(run, "decision.json");
    await writeFile(path, (await readFile(path, "utf8")).replace('"HOLD"', '"PROMOTE"'));
    expect(await refused([run], { policy })).toMatch(/contradicts itself/);
  });

  test("a malformed policy, and one that asks for what is not there", async () => {
    const run = await runDirectory("one");
    const typo = await policyFile("minimumPased: 2\n");
    expect(await refused([run], { policy: typo })).toMatch(/gate.yaml:4:1: .*'minimumPassed'/);
    const unknown = await file("p.yaml", "version: 1\nrequire: [{scenarios: [boot/helth]}]\n");
    expect(await refused([run], { policy: unknown })).toMatch(/did you mean 'boot\/health'/);
    expect(await refused([run], { policy: join(folder, "no.yaml") })).toMatch(/no.yaml/);
  });

  test("a pattern that would run without end", async () => {
    const run = await runDirectory("one");
    const options = {
      policy: await policyFile(),
      known: await knownFile(soon(), "(aaaaaaaaa+)+$"),
    };
    expect(await refused([run], options)).toMatch(/known.yaml:4:14: .*not a regular expression/);
  });
});

describe("known", () => {
  test("counts the hits of runs, killed ones too", async () => {
    const runs = [
      await runDirectory("a", { fates: { "boot/health": "failed" } }),
      await runDirectory("b", {
        fates: { "boot/health": "failed" },
        startedAt: 9000,
        killed: true,
      }),
    ];
    const list = await knownFile(soon());
    expect(await known(runs, { known: list, json: true })).toBe(0);
    expect(JSON.parse(printed)).toMatchObject([
      { scenario: "boot/health", hits: 2, state: "active", lastHit: { run: "b" } },
    ]);
  });
  test("says in words what is stale", async () => {
    const run = await runDirectory("a");
    await known([run], { known: await knownFile(soon()), staleAfter: 1 });
    expect(printed).toMatch(/^stale {4}0 hits, none in the last run {2}boot\/health {2}until/);
  });
  test("reads the list that comes with the scenarios", async () => {
    expect(await known([], {})).toBe(0);
  });
});

describe("merge", () => {
  const shard = (index: number, scenario: string, fate: "passed" | "failed" = "passed") =>
    runDirectory(`shard-${index}`, {
      fates: { [scenario]: fate },
      head: { shard: { index, count: 2, selection: "s" } },
    });

  test("makes one run directory that can be judged", async () => {
    const runs = [await shard(1, "boot/health"), await shard(2, "bootc/status", "failed")];
    await mkdir(join(folder, "shard-1", "job"));
    await writeFile(join(folder, "shard-1", "job", "console.log"), "hello");
    await symlink("/etc/passwd", join(folder, "shard-1", "job", "link"));
    const latest = join(folder, "latest");
    await symlink("shard-2", latest);
    const out = join(folder, "out");
    expect(await merge([...runs, latest], { out })).toBe(1);
    const merged = join(out, "shard-1-merged");
    expect(await readFile(join(merged, "job", "console.log"), "utf8")).toBe("hello");
    expect(await readdir(join(merged, "job"))).toEqual(["console.log"]);
    expect(await readdir(merged)).toContain("junit.xml");
    expect(await verdict([merged], { policy: await policyFile() })).toBe(0);
    await expect(merge(runs, { out })).rejects.toThrow(/were merged before/);
  });

  test("twice at once gives one run directory, and the other is refused", async () => {
    const runs = [await shard(1, "boot/health"), await shard(2, "bootc/status")];
    const out = join(folder, "out");
    const ended = await Promise.allSettled([merge(runs, { out }), merge(runs, { out })]);
    expect(ended.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(ended).toContainEqual(
      expect.objectContaining({ reason: expect.objectContaining({ name: "UsageError" }) }),
    );
    expect(await readdir(out)).toEqual(["shard-1-merged"]);
    expect(await readdir(join(out, "shard-1-merged"))).toContain("junit.xml");
  });

  test("names the shard that is missing and leaves nothing behind", async () => {
    const out = join(folder, "out");
    await expect(merge([await shard(2, "boot/health")], { out })).rejects.toThrow(
      /shard 1 of 2 is missing/,
    );
    expect(await readdir(folder)).not.toContain("out");
  });

  test("refuses a damaged shard", async () => {
    const run = await shard(1, "boot/health");
    await appendFile(join(run, "events.jsonl"), "garbage\n");
    await expect(merge([run], { out: folder })).rejects.toThrow(UsageError);
  });
});
