/** The reports of a run directory on a real file system: writes that fail, and a decision that is about other events. */
import { link, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { merge } from "../../harness/cli/commands/merge-command.ts";
import { report } from "../../harness/cli/commands/report-command.ts";
import { verdict } from "../../harness/cli/commands/verdict-command.ts";
import { createReportWriter } from "../../harness/cli/wiring/report-files.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { reportFiles } from "../../reports/render-all.ts";
import { type SmallRun, smallEvents } from "../golden/gate-runs.ts";
import { runWith, textOf, useRunDirectories } from "./support/run-directories.ts";

const { folder, runDirectory } = useRunDirectories();

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => new TypeError(`Expected an error, got ${String(value)}.`),
    (error: unknown) => error,
  );

const small = (run: string, more: Partial<SmallRun> = {}) =>
  smallEvents({ run, fates: { "boot/health": "passed" }, ...more });

describe("the writer of a run", () => {
  test("outlives a renewal that fails, and writes everything when there is room again", async () => {
    const events = small("one");
    const directory = await runDirectory("one", events);
    const rejected: unknown[] = [];
    const onRejection = (reason: unknown) => rejected.push(reason);
    process.on("unhandledRejection", onRejection);
    await mkdir(join(directory, "junit.xml"));
    const model = vi.fn(() => foldRun(events));
    const writer = createReportWriter(directory, model);
    writer.renew();
    writer.renew();
    // Asked a second time, it has failed once.
    await vi.waitFor(() => expect(model).toHaveBeenCalledTimes(2));
    await rm(join(directory, "junit.xml"), { recursive: true });
    writer.renew();
    await writer.finish();
    process.off("unhandledRejection", onRejection);
    expect(rejected).toEqual([]);
    expect(await readdir(directory)).toEqual(expect.arrayContaining([...reportFiles]));
  });

  test("tells at the end what it could not write, and writes the rest", async () => {
    const events = small("one");
    const directory = await runDirectory("one", events);
    await mkdir(join(directory, "junit.xml"));
    await mkdir(join(directory, "report.html"));
    const writer = createReportWriter(directory, () => foldRun(events));
    writer.renew();
    const error = await thrownBy(writer.finish());
    expect(error).toBeInstanceOf(HostUnfit);
    expect((error as Error).message).toMatch(
      /^'.*one' cannot take junit.xml, report.html: EISDIR: .*\.$/,
    );
    const written = await readdir(directory);
    expect(written).toEqual(expect.arrayContaining(["summary.txt", "results.json", "ctrf.json"]));
    expect(written.filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  test("names attachments in the JUnit of a run that goes on as at its end", async () => {
    const events = runWith([{ kind: "screenshot", path: "boot.health/screen.png" }]);
    const directory = await runDirectory("one", events);
    await mkdir(join(directory, "boot.health"));
    await writeFile(join(directory, "boot.health", "screen.png"), "png");
    const writer = createReportWriter(directory, () => foldRun(events));
    writer.renew();
    await vi.waitFor(() => textOf(directory, "junit.xml"));
    const early = await textOf(directory, "junit.xml");
    expect(early).toContain(`[[ATTACHMENT|${directory}/boot.health/screen.png]]`);
    await writer.finish();
    expect(await textOf(directory, "junit.xml")).toBe(early);
  });
});

test("report says in one sentence that it cannot write, as the host's fault", async () => {
  const directory = await runDirectory("one", small("one"));
  await mkdir(join(directory, "junit.xml"));
  const error = await thrownBy(report(directory));
  expect(error).toBeInstanceOf(HostUnfit);
  expect((error as Error).message).toMatch(/^'.*one' cannot take junit.xml: EISDIR/);
});

describe("a name that is taken", () => {
  test.each(["link", "hard link"])("by a %s is not written through", async (kind) => {
    const directory = await runDirectory("one", small("one"));
    const precious = join(folder(), "precious");
    await writeFile(precious, "as it was");
    const make = kind === "link" ? symlink : link;
    for (const name of reportFiles) {
      await make(precious, join(directory, `${name}.part`));
      await make(precious, join(directory, name));
    }
    expect(await report(directory)).toBe(0);
    expect(await readFile(precious, "utf8")).toBe("as it was");
    expect(await textOf(directory, "junit.xml")).toContain("<testsuites ");
    expect(await textOf(directory, "ctrf.json")).toContain('"CTRF"');
  });
});

describe("report and the decision in the directory", () => {
  async function decided(name: string, more: Partial<SmallRun> = {}): Promise<string> {
    const directory = await runDirectory(name, small(name, more));
    const policy = join(folder(), "gate.yaml");
    await writeFile(policy, "version: 1\nrequire:\n  - scenarios: [boot/health]\n");
    await verdict([directory], { policy });
    return directory;
  }
  const titleOf = async (directory: string) =>
    /<title>([^<:]*)/u.exec(await textOf(directory, "report.html"))?.[1];

  test("shows the one on these events, also of several runs", async () => {
    const promoted = await decided("promoted");
    expect(await titleOf(promoted)).toBe("PROMOTE");
    await rm(join(promoted, "report.html"));
    expect(await report(promoted)).toBe(0);
    expect(await titleOf(promoted)).toBe("PROMOTE");
    const held = await decided("held", { fates: { "boot/health": "failed" } });
    const policy = join(folder(), "gate.yaml");
    await verdict([held, promoted], { policy });
    expect(await report(held)).toBe(1);
    expect(await titleOf(held)).toBe("HOLD");
  });

  test("refuses another run's, and that of a log that was changed since", async () => {
    const promoted = await decided("promoted");
    const other = await runDirectory(
      "other",
      small("other", { fates: { "boot/health": "failed" } }),
    );
    await writeFile(join(other, "decision.json"), await textOf(promoted, "decision.json"));
    const foreign = await thrownBy(report(other));
    expect(foreign).toBeInstanceOf(UsageError);
    expect((foreign as Error).message).toMatch(/run 'other' is not in the decision/);
    expect((foreign as Error).message).toMatch(/remove it, then decide again: .*verdict /);
    expect(await readdir(other)).not.toContain("report.html");
    const log = await textOf(promoted, "events.jsonl");
    await writeFile(join(promoted, "events.jsonl"), log.replace("33", "34"));
    await writeFile(join(promoted, "events.jsonl"), `${log}\n`);
    expect(await thrownBy(report(promoted))).toMatchObject({
      name: "UsageError",
      message: expect.stringMatching(/events of run 'promoted' were changed since/) as string,
    });
  });

  test("refuses one of a run that goes by the same name", async () => {
    const promoted = await decided("same");
    const failed = await runDirectory("x", small("same", { fates: { "boot/health": "failed" } }));
    await writeFile(join(failed, "decision.json"), await textOf(promoted, "decision.json"));
    expect(await thrownBy(report(failed))).toBeInstanceOf(UsageError);
  });

  test.each([
    ["half written", '{"version":1,'],
    ["of another shape", '{"verdict":"PROMOTE","reasons":["x"]}'],
    ["empty", ""],
  ])("refuses one that is %s", async (_name, text) => {
    const directory = await runDirectory("one", small("one"));
    await writeFile(join(directory, "decision.json"), text);
    const error = await thrownBy(report(directory));
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(/^No report can show the decision '.*decision.json'/);
  });

  test("does without one: a killed run, and shards that are merged", async () => {
    const killed = await runDirectory("killed", small("killed", { killed: true }));
    expect(await report(killed)).toBe(3);
    const shards = await Promise.all(
      [1, 2].map((index) =>
        runDirectory(
          `shard-${index}`,
          small(`shard-${index}`, {
            fates: { [`boot/s${index}`]: "passed" },
            head: { shard: { index, count: 2, selection: "s" } },
          }),
        ),
      ),
    );
    await writeFile(join(shards[0] ?? "", "decision.json"), "of the shard alone");
    expect(await merge(shards, { out: join(folder(), "merged") })).toBe(0);
  });
});
