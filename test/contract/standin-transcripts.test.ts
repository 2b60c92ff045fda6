/** The stand-in `bootc` against what real bootc 1.16.9 printed, command by command: exit code, stream, order of lines, every word. */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { digests, follows, images, ostreeStory, type StoryStep } from "./support/bootc-story.ts";
import { comparable, readTranscript, type Said } from "./support/transcripts.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Ended extends Said {
  readonly journal: readonly string[];
}
interface Told {
  readonly results: readonly Ended[];
  readonly rebootRequired: string;
  readonly options: readonly (readonly string[])[];
}

/** A transcript's command as the stand-in's argv; what was wrapped around it says whether /sysroot can be written. */
function toRun(command: string): { run: string[]; writable: boolean } {
  const wrapped = /exec (bootc [^']+)'$/.exec(command)?.[1];
  const plain = /(?:^|; )(bootc [^;]+)/.exec(command)?.[1] ?? "";
  return {
    run: (wrapped ?? plain).split(" ").slice(1),
    writable: command.includes("remount,rw /sysroot") && wrapped !== undefined,
  };
}

async function tell(story: readonly unknown[]): Promise<Told> {
  const standin = here("../../images/reference/standin");
  const input = JSON.stringify({ standin, images, booted: digests.v1, follows, story });
  const run = await attemptCommand("python3", [here("support/standin_world.py")], { input });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout) as Told;
}

const steps = ostreeStory.map((step: StoryStep) =>
  "transcript" in step ? toRun(readTranscript(step.transcript).command) : step,
);
const names = ostreeStory.flatMap((step) => ("transcript" in step ? [step.transcript] : []));

describe("the stand-in says what real bootc said", () => {
  let told: Told;
  beforeAll(async () => {
    told = await tell(steps);
  });

  test.each(names)("%s", (name) => {
    const result = told.results[names.indexOf(name)];
    if (result === undefined) throw new Error("The story ended early.");
    expect(comparable(result)).toEqual(comparable(readTranscript(name)));
  });

  test("journal lines are bootc's", () => {
    const real = readTranscript("54-journal")
      .stdout.split("\n")
      .map((line) => /bootc\[\d+\]: (.*)/.exec(line)?.[1] ?? "");
    const said = told.results.flatMap(({ journal }) => journal);
    expect(said.length).toBeGreaterThan(5);
    const known = said.filter((line) => !line.includes(digests.v3) && !line.startsWith("Rolling"));
    expect(known.filter((line) => !real.includes(line))).toEqual([]);
  });

  test("/run/reboot-required has no newline at its end", () => {
    expect(told.rebootRequired).toBe(`bootc: Reboot required for image: ${digests.v3}`);
  });
});

describe("the stand-in does not forgive what real bootc refuses", () => {
  test("a kernel argument of the new image is added, one that the new image lacks is taken away", async () => {
    const up = [{ publish: [follows, digests.v2] }, { run: ["upgrade"] }];
    expect((await tell(up)).options[0]).toEqual(["--karg-append=holdout.v2=1"]);
    const back = [
      ...up,
      { reboot: true },
      { publish: [follows, digests.v1] },
      { run: ["upgrade"] },
    ];
    const options = (await tell(back)).options[0] ?? [];
    expect(options[0]).toBe("--karg-none");
    expect(options.join(" ")).not.toContain("holdout.v2=1");
  });

  test.each([
    [["edit"], /'bootc edit' is not in bootgate's stand-in/],
    [["container", "lint"], /'bootc container' is not in bootgate's stand-in/],
    [["internals", "fsck"], /'bootc internals fsck' is not in bootgate's stand-in/],
    [["upgrade", "--soft-reboot=auto"], /'bootc upgrade --soft-reboot' is not in bootgate's/],
  ])("%j", async (run, words) => {
    const [result] = (await tell([{ run }])).results;
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result?.stderr).toMatch(words);
  });
});
