/** `bootgate selftest`: runs every case of the self-test on real machines and says which the gate judged well. */

import { resolve } from "node:path";
import { brokenKickstart } from "../../../fixtures/kickstart.ts";
import { UsageError } from "../../base/errors.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { formatDuration } from "../../base/units.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { executeRun } from "../../engine/execute.ts";
import { type Job, planJobs } from "../../engine/plan.ts";
import type { Suite } from "../../engine/scenario.ts";
import { decideOn, judge, judgeDecision, selftestCases } from "../../gate/selftest.ts";
import { caseCell, caseWord, type SelftestCase } from "../../gate/selftest-case.ts";
import { cleanText, defuseCommands } from "../../log/clean-text.ts";
import { errorOf, type JobModel, type RunModel } from "../../log/model-schema.ts";
import { guestCpus } from "../../machine/profile.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { createTerminal } from "../terminal/terminal.ts";
import { type DiskOptions, diskWords } from "../wiring/disk-options.ts";
import { machineChoices } from "../wiring/machine-choices.ts";
import type { DriverChoice } from "../wiring/open-drivers.ts";
import { createReportWriter } from "../wiring/report-files.ts";
import { openSession, resolveImages, type Session } from "../wiring/session.ts";

export interface SelftestOptions extends DriverChoice {
  readonly out: string;
  readonly jobs: number | "auto";
  readonly only?: string;
  readonly suite: Suite;
}

/** Returns 0 when every case was judged as it must be, 3 otherwise: a gate that cannot be trusted is broken. */
export async function selftest(options: SelftestOptions): Promise<ExitCode> {
  const cases = chooseCases(options);
  const terminal = createTerminal(process.stdout);
  const say = (line: string): void => terminal.line(line);
  using interrupt = onInterrupt(say);
  await using session = await openSession(say, interrupt.signal, options);
  const jobs: Job[] = [];
  for (const item of cases) jobs.push(await jobOf(item, session, say, interrupt.signal));
  const { model, directory } = await executeRun({
    jobs,
    shard: null,
    policy: null,
    expectedMs: () => null,
    knownFailure: () => null,
    createReports: createReportWriter,
    ...session,
    outDirectory: resolve(options.out),
    command: process.argv.slice(2),
    parallel: options.jobs,
    cold: false,
    recheckCold: false,
    retries: 0,
    deadlineMs: null,
    hold: null,
    signal: interrupt.signal,
    stop: (reason) => interrupt.stop(reason),
    onEvent: (event) => terminal.event(event),
  });
  terminal.end();
  process.stdout.write("\n");
  let wrong = 0;
  for (const [index, item] of cases.entries()) {
    const job = model.jobs[index];
    const fault = job === undefined ? "it was not run" : faultOf(item, model, job);
    if (fault !== null) wrong++;
    const time = job === undefined ? "" : formatDuration(job.durationMs);
    process.stdout.write(
      fault === null
        ? `ok     ${item.name} (${time})\n`
        : `WRONG  ${item.name} (${time}): ${fault}\n${wordsOf(job)}`,
    );
  }
  process.stdout.write(
    `\n${cases.length - wrong} of ${cases.length} cases were judged as they must be. Evidence: ${directory}\n`,
  );
  return wrong === 0 ? 0 : 3;
}

/** The job must be judged as expected, and the gate must decide on it as expected. */
function faultOf(item: SelftestCase, model: RunModel, job: JobModel): string | null {
  return judge(item, job) ?? judgeDecision(item, decideOn(model, job, new Date()));
}

/** What a case that was judged wrong said itself, its console included: the run directory may be gone when it is read. */
function wordsOf(job: JobModel | undefined): string {
  const message = job === undefined ? undefined : errorOf(job.outcome)?.message;
  if (message === undefined) return "";
  return `${defuseCommands(cleanText(message, 4000)).replace(/^/gmu, "         ")}\n`;
}

/** A case that is named is played whatever its suite. */
function chooseCases({
  only,
  suite,
}: Pick<SelftestOptions, "only" | "suite">): readonly SelftestCase[] {
  if (only === undefined)
    return selftestCases.filter((item) => suite === "full" || item.suite !== "full");
  const chosen = selftestCases.filter(({ name }) => name.includes(only));
  if (chosen.length > 0) return chosen;
  throw new UsageError(`The self-test case '${only}' does not exist.`, {
    details: { cases: selftestCases.map(({ name }) => name).join("\n") },
  });
}

function diskOptionsOf({
  kickstart,
  diskSizeMiB,
  stillSeconds,
}: NonNullable<SelftestCase["install"]>): DiskOptions {
  return {
    ...(kickstart === undefined ? {} : { kickstart: brokenKickstart(kickstart) }),
    ...(diskSizeMiB === undefined ? {} : { diskSize: diskSizeMiB }),
    ...(stillSeconds === undefined ? {} : { installStill: stillSeconds * 1000 }),
  };
}

async function jobOf(
  item: SelftestCase,
  session: Session,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Job> {
  const scenarios = (await discoverScenarios()).filter(({ id }) => id === item.scenario);
  const images = await resolveImages(item.images, {}, say, signal);
  const cell = caseCell(item);
  const [job] = planJobs({
    scenarios,
    images,
    machines: await machineChoices(
      session.drivers,
      Object.values(images).flatMap((image) => image ?? []),
      [item.firmware ?? (item.install === undefined ? "uefi" : "bios")],
      { memoryMiB: 1536, cpus: guestCpus, network: "closed" },
    ),
    buildsDisks: session.disks !== undefined,
    disks: item.install === undefined ? undefined : session.disksFor(diskOptionsOf(item.install)),
    ...(cell === undefined ? {} : { cell }),
    repeatOptions: [
      ...Object.entries(item.images).flatMap(([role, name]) => [`--${role}`, name]),
      ...(item.install === undefined ? [] : diskWords(diskOptionsOf(item.install))),
    ],
  });
  if (job === undefined)
    throw new UsageError(`The self-test names an unknown scenario '${item.scenario}'.`);
  // Several cases share a scenario, so the case is part of the id.
  return { ...job, id: `${job.id}#${caseWord(item)}` };
}
