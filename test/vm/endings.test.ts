/** Runs that do not end by themselves: interrupted, killed, or with their machine killed. Nothing stays behind. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunStopped } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { removeDeadWorkspaces, workspaceRoot } from "../../harness/base/workspace.ts";
import { machineChoices } from "../../harness/cli/wiring/machine-choices.ts";
import { createReportWriter } from "../../harness/cli/wiring/report-files.ts";
import { openSession, resolveImages } from "../../harness/cli/wiring/session.ts";
import { type ExecutedRun, executeRun } from "../../harness/engine/execute.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import { scenario } from "../../harness/index.ts";
import { guestCpus } from "../../harness/machine/profile.ts";
import { bootgate, eventsOf, type StartedCommand, startCommand } from "./command-line.ts";

const signal = new AbortController().signal;
let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-end-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

/** Pids of QEMU processes that belong to a run, by the pid in their workspace's label. */
async function machinesOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(join("/proc", name, "cmdline"), "utf8").catch(() => "");
    if (line.startsWith("qemu-system") && line.includes(join(workspaceRoot(), `${pid}-`)))
      found.push(Number(name));
  }
  return found;
}

/** Starts a cold boot and waits until its kernel runs. */
async function startBoot(): Promise<{ run: StartedCommand; pid: number }> {
  const run = startCommand(["run", "boot/health", "--candidate", "reference:v2", "--out", out]);
  await waitFor({
    what: "the guest's kernel",
    probe: async () =>
      eventsOf(join(out, "latest")).some(
        (event) => event.type === "boot-stage" && event.stage === "kernel",
      ) || undefined,
    timeoutMs: 180_000,
    giveUpWhen: run.ended.then((code) =>
      Promise.reject(new Error(`The run ended with ${code}.\n${run.output()}`)),
    ),
    signal,
  });
  return { run, pid: run.child.pid ?? -1 };
}

const noMachineLeft = (pid: number): Promise<true> =>
  waitFor({
    what: "the machines of the run to end",
    probe: async () => (await machinesOf(pid)).length === 0 || undefined,
    timeoutMs: 10_000,
    signal,
  });

async function expectValidJunit(): Promise<void> {
  const schema = join(import.meta.dirname, "..", "schema", "junit.xsd");
  const result = await attemptCommand("xmllint", [
    "--noout",
    "--schema",
    schema,
    join(out, "latest", "junit.xml"),
  ]);
  expect(result.exitCode, result.stderr).toBe(0);
}

/** Boots the candidate cold and waits without end in a step; `then` is called when that step begins. */
async function playUntil(
  stopper: AbortController,
  claim: string,
  then: () => void,
): Promise<ExecutedRun> {
  const say = (): void => undefined;
  await using session = await openSession(say, signal);
  const { candidate } = await resolveImages({ candidate: "reference:v2" }, {}, say, signal);
  if (candidate === undefined) throw new Error("There is no reference:v2.");
  const definition = scenario({
    summary: "Waits",
    needs: { images: ["candidate"] },
    timeoutMinutes: 5,
    async run({ images: { candidate }, boot, step }) {
      await using _guest = await boot(candidate);
      await step(claim, () => new Promise<never>(() => undefined));
    },
  });
  const machines = await machineChoices(session.drivers, [candidate], ["uefi"], {
    memoryMiB: 1536,
    cpus: guestCpus,
    network: "closed",
  });
  return await executeRun({
    ...session,
    jobs: planJobs({
      scenarios: [{ id: "test/waits", definition }],
      images: { candidate },
      machines,
      buildsDisks: true,
      repeatOptions: [],
    }),
    shard: null,
    policy: null,
    expectedMs: () => null,
    knownFailure: () => null,
    createReports: createReportWriter,
    outDirectory: out,
    command: [],
    parallel: 1,
    cold: true,
    recheckCold: false,
    retries: 0,
    deadlineMs: null,
    hold: null,
    signal: stopper.signal,
    stop: (reason) => stopper.abort(reason),
    onEvent: (event) => {
      if (event.type === "step-started" && event.step === claim) then();
    },
  });
}

describe("a run that is ended from outside", () => {
  test("kill -9 leaves no machine, a valid report, and a folder that the next start removes", async () => {
    const { run, pid } = await startBoot();
    expect((await machinesOf(pid)).length).toBe(1);
    run.child.kill("SIGKILL");
    await run.ended;
    await noMachineLeft(pid);
    await expectValidJunit();
    await removeDeadWorkspaces();
    expect((await readdir(workspaceRoot())).filter((name) => name.startsWith(`${pid}-`))).toEqual(
      [],
    );
    const { code, output } = await bootgate(["report", join(out, "latest")]);
    expect(code).toBe(3);
    expect(output).toMatch(/interrupted/);
    await expectValidJunit();
  });

  test("Ctrl-C ends in order with exit code 3 and keeps the evidence", async () => {
    const { run, pid } = await startBoot();
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(3);
    await noMachineLeft(pid);
    await expectValidJunit();
    const events = eventsOf(join(out, "latest"));
    expect(events.at(-1)).toMatchObject({
      type: "run-ended",
      stopped: "The run was interrupted by SIGINT.",
    });
    expect(events.some((event) => event.type === "evidence" && event.kind === "console")).toBe(
      true,
    );
  });

  test("a deadline ends the run with its evidence, and says what was not run", async () => {
    const scenarios = ["boot/health", "composefs/root"];
    const limits = ["--jobs", "1", "--deadline", "40s", "--out", out];
    const run = ["run", ...scenarios, "--candidate", "reference:v2", ...limits];
    const { code, output } = await bootgate(run);
    expect(code, output).toBe(3);
    await expectValidJunit();
    const events = eventsOf(join(out, "latest"));
    expect(events.at(-1)).toMatchObject({ stopped: "The run's deadline is near." });
    const console = events.find((event) => event.type === "evidence" && event.kind === "console");
    expect(console).toMatchObject({ job: expect.stringMatching(/^boot\/health@/) });
    expect(await readFile(join(out, "latest", "summary.txt"), "utf8")).toMatch(
      /^not run +composefs\/root/m,
    );
  });

  test("a deadline that comes while a guest answers leaves what that guest has to say", async () => {
    const stopper = new AbortController();
    const { model, directory } = await playUntil(stopper, "waits without end", () =>
      // What a run's deadline does, at a moment at which the guest is surely up.
      stopper.abort(new RunStopped("The run's deadline is near.", { wrapUpMs: 30_000 })),
    );
    expect(model.stopped).toBe("The run's deadline is near.");
    const evidence = model.jobs[0]?.attempts[0]?.evidence ?? [];
    expect(evidence.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["console", "journal", "failed-units", "bootc-status", "screenshot"]),
    );
    const read = (kind: string): Promise<Buffer> =>
      readFile(join(directory, evidence.find((item) => item.kind === kind)?.path ?? ""));
    expect((await read("journal")).toString()).toMatch(/kernel: Linux version/);
    expect(JSON.parse((await read("bootc-status")).toString())).toMatchObject({
      kind: "BootcHost",
    });
    expect((await read("screenshot")).subarray(1, 4).toString()).toBe("PNG");
  });

  test("a machine that is killed is the host's fault, not the image's", async () => {
    const { run, pid } = await startBoot();
    for (const machine of await machinesOf(pid)) process.kill(machine, "SIGKILL");
    expect(await run.ended).toBe(3);
    const end = eventsOf(join(out, "latest")).find((event) => event.type === "job-ended");
    expect(end).toMatchObject({ outcome: { kind: "broken", error: { type: "MachineFault" } } });
  });
});
