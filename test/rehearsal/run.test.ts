/** Whole runs on the simulated guest: interruption, retries, shards; always with valid reports and a true exit code. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ExpectationFailed, RunStopped, UsageError } from "../../harness/base/errors.ts";
import { exitCodeOf } from "../../harness/cli/commands/run-command.ts";
import { createReportWriter } from "../../harness/cli/wiring/report-files.ts";
import { measureHost, memoryToGive } from "../../harness/engine/host-capacity.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import { historyOf } from "../../harness/gate/history/history.ts";
import { scenario } from "../../harness/index.ts";
import { summary } from "../../reports/summary.ts";
import { costly, expectSound, folder, never, passes, play, story, useFolder } from "./play.ts";
import { simulatedImage, simulatedProfile } from "./rehearse.ts";

useFolder();

describe("a run", () => {
  test("that passes is green, and `latest` names it", async () => {
    const run = await play([passes("a/one"), passes("a/two")]);
    expect(run.model.counts).toMatchObject({ passed: 2, failed: 0, broken: 0, notRun: 0 });
    expect(exitCodeOf(run.model)).toBe(0);
    expect(await readFile(join(folder(), "runs", "latest", "events.jsonl"), "utf8")).toContain(
      "a/two",
    );
    await expectSound(run);
  });

  test("in which nothing ran is not green", async () => {
    const run = await play([]);
    expect(exitCodeOf(run.model)).toBe(3);
  });

  test("that is a shard with nothing to do has done it, unless it was stopped", async () => {
    const skipped = { ...passes("a/skipped").definition, needs: { images: ["previous"] } };
    const idle = [{ id: "a/skipped", definition: skipped }];
    expect(exitCodeOf((await play(idle)).model)).toBe(3);
    const facts = { index: 2, count: 2, selection: "s" };
    expect(exitCodeOf((await play(idle, { shard: facts })).model)).toBe(3);
    const shard = { ...facts, nothingToRun: true as const };
    const signal = AbortSignal.abort(new RunStopped("Ctrl-C"));
    expect(exitCodeOf((await play(idle, { shard, signal })).model)).toBe(3);
    const run = await play(idle, { shard });
    expect(exitCodeOf(run.model)).toBe(0);
    expect(summary(run.model)).toMatch(/^This shard had nothing to run: .*\(shard 2 of 2\)\n$/su);
    await expectSound(run);
  });

  test("tells what earlier runs say of its jobs, where a history was named", async () => {
    const bad = () => [story("a/bad", async () => Promise.reject(new ExpectationFailed("no")))];
    const first = await play(bad());
    expect(await readFile(join(first.directory, "summary.txt"), "utf8")).not.toMatch(/history/);
    const lines = historyOf(first.model, { version: 1, failures: [] }, new Date());
    const second = await play(bad(), {
      createReports: (directory, model) => createReportWriter(directory, model, lines),
    });
    expect(await readFile(join(second.directory, "summary.txt"), "utf8")).toContain(
      "history    failed in the last run on none",
    );
  });

  test("with a bug of the harness is broken, not failed", async () => {
    const run = await play([
      story("a/bug", async () => Promise.reject(new TypeError("x is undefined"))),
    ]);
    expect(run.model.counts).toMatchObject({ broken: 1, failed: 0 });
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });
});

test("a story that goes on after a failed step has failed", async () => {
  const definition = scenario({
    summary: "forgives",
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ step }) {
      const wrong = step("is right", () => Promise.reject(new ExpectationFailed("it is wrong")));
      await wrong.catch(() => undefined);
    },
  });
  const run = await play([{ id: "a/forgiving", definition }]);
  expect(run.model.jobs[0]?.outcome).toMatchObject({ kind: "failed" });
  expect(exitCodeOf(run.model)).toBe(1);
  expect(await readFile(join(run.directory, "events.jsonl"), "utf8")).toMatch(
    /"type":"job-ended","attempt":1,"outcome":\{"kind":"failed"/,
  );
});

describe("retries", () => {
  test("keep the first outcome, and a pass on retry is flaky, not green", async () => {
    const flaky = story("a/flaky", async (attempt) => {
      if (attempt === 1) throw new ExpectationFailed("not this time");
    });
    const run = await play([flaky], { retries: 2 });
    expect(run.model.counts).toMatchObject({ flaky: 1, passed: 0, failed: 0 });
    expect(run.model.jobs[0]?.outcome.kind).toBe("failed");
    expect(run.model.jobs[0]?.attempts.length).toBe(2);
    expect(await readFile(join(run.directory, "junit.xml"), "utf8")).toContain("<flakyFailure");
    await expectSound(run);
  });

  test("end after as many as were asked for", async () => {
    const bad = story("a/bad", async () => Promise.reject(new ExpectationFailed("never")));
    const run = await play([bad], { retries: 2 });
    expect(run.model.jobs[0]?.attempts.length).toBe(3);
    expect(exitCodeOf(run.model)).toBe(1);
    await expectSound(run);
  });
});

describe("an interruption", () => {
  test("ends the run at once with its reason, and the rest is not run", async () => {
    const stopper = new AbortController();
    const endless = story("a/endless", async () => {
      setImmediate(() => stopper.abort(new RunStopped("The run was interrupted by SIGINT.")));
      await never();
    });
    const run = await play([endless, passes("a/later")], { signal: stopper.signal });
    expect(run.model.stopped).toBe("The run was interrupted by SIGINT.");
    expect(run.model.counts).toMatchObject({ broken: 1, notRun: 1 });
    await expectSound(run);
  });
});

describe("a job that waits for room when the run is stopped", () => {
  test("is not run, not broken", async () => {
    const stopper = new AbortController();
    const endless = story("a/endless", async () => {
      setTimeout(() => stopper.abort(new RunStopped("The run was interrupted by SIGINT.")), 50);
      await never();
    });
    // Both may start by number, but the guests of one take all the memory there is.
    const memoryMiB = await measureHost(folder()).then((host) =>
      Math.floor(memoryToGive(host) * 0.7),
    );
    const run = await play([endless, passes("a/waits")], {
      signal: stopper.signal,
      parallel: 2,
      memoryMiB,
      driver: costly(memoryMiB),
    });
    expect(run.model.counts).toMatchObject({ broken: 1, notRun: 1 });
    await expectSound(run);
  });
});

describe("a run directory of a shard", () => {
  test("says which part it is", async () => {
    const shard = { index: 1, count: 2, selection: "sha256:1" };
    const run = await play([passes("a/one")], { shard, policy: "sha256:2" });
    const [first] = (await readFile(join(run.directory, "events.jsonl"), "utf8")).split("\n");
    expect(JSON.parse(first ?? "{}")).toMatchObject({ shard, policy: "sha256:2" });
  });
});

describe("a guest that says three million letters", () => {
  test("leaves a log that every command reads", async () => {
    const run = await play([
      story("a/loud", async () => Promise.reject(new ExpectationFailed("x".repeat(3_000_000)))),
    ]);
    expect(run.model.counts).toMatchObject({ failed: 1 });
    await expectSound(run);
  });
});

describe("the names of a run's test cases", () => {
  test("are the same for every build of an image; what was built is a property", async () => {
    const xmlOf = async (name: string): Promise<string> => {
      const definition = scenario({
        summary: "s",
        needs: { images: ["candidate"] },
        timeoutMinutes: 1,
        async run({ images: { candidate }, boot }) {
          await using _guest = await boot(candidate);
        },
      });
      const jobs = planJobs({
        scenarios: [{ id: "boot/health", definition }],
        images: { candidate: { ...simulatedImage("v2", "2"), name } },
        machines: [{ ...simulatedProfile(costly(1)), refusal: null }],
        repeatOptions: [],
      });
      const run = await play([], { jobs });
      await expectSound(run);
      return readFile(join(run.directory, "junit.xml"), "utf8");
    };
    const casesOf = (xml: string): string[] =>
      [...xml.matchAll(/<testcase [^>]*?\bname="([^"]*)"/gu)].map(([, name]) => name ?? "");
    const builds = [101, 102].map((build) => `/builds/${build}/output/_OS-43.${build}.qcow2`);
    const xmls = await Promise.all(builds.map(xmlOf));
    expect(xmls.map(casesOf)).toEqual([["boots the candidate"], ["boots the candidate"]]);
    for (const [index, name] of builds.entries()) {
      expect(xmls[index]).toContain(`<property name="image.candidate" value="${name}"/>`);
      expect(xmls[index]).toMatch(
        /<property name="image.candidate.digest" value="sha256:2{64}"\/>/,
      );
      expect(xmls[index]).toContain('<property name="firmware" value="uefi"/>');
    }
  });
});

describe("a folder for run directories that is none", () => {
  test("is one sentence for the person who named it", async () => {
    const file = join(folder(), "file");
    await writeFile(file, "");
    const run = play([passes("a/one")], { outDirectory: join(file, "runs") });
    await expect(run).rejects.toThrow(UsageError);
    await expect(run).rejects.toThrow(/^The folder '.*\/file\/runs' cannot hold run directories: /);
  });
});
