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
  /** The commit that the next root was made of, and how often a reboot was ordered. */
  readonly softReboot: string | null;
  readonly reboots: number;
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

async function tell(story: readonly unknown[], unbound: readonly string[] = []): Promise<Told> {
  const standin = here("../../images/reference/standin");
  const input = JSON.stringify({ standin, images, booted: digests.v1, follows, story, unbound });
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
    [["container", "inspect"], /'bootc container inspect' is not in bootgate's stand-in/],
    [["internals", "fsck"], /'bootc internals fsck' is not in bootgate's stand-in/],
    [["rollback", "--soft-reboot=auto"], /'bootc rollback --soft-reboot' is not in bootgate's/],
  ])("%j", async (run, words) => {
    const [result] = (await tell([{ run }])).results;
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result?.stderr).toMatch(words);
  });
});

test("an update whose bound images cannot be had is refused and not staged (bootc-dev/bootc#2290)", async () => {
  const story = [{ publish: [follows, digests.v2] }, { run: ["upgrade"] }];
  const ended = await tell([...story, { run: ["status", "--json"] }], [digests.v2]);
  const [upgrade, status] = ended.results;
  expect(upgrade).toMatchObject({ exitCode: 1 });
  expect(upgrade?.stderr).toMatch(/^error: Upgrading: Staging: Pulling bound images: /m);
  expect(JSON.parse(status?.stdout ?? "")).toMatchObject({ status: { staged: null } });
  expect(ended.rebootRequired).toBe("");
});

describe("a soft reboot", () => {
  /** v2 ships one kernel argument more than v1, and v3 the same as v2 (`87-status-v3-staged`). */
  const onV2 = [{ publish: [follows, digests.v2] }, { run: ["upgrade"] }, { reboot: true }];
  const tellOf = async (digest: string, ...words: readonly string[]) => {
    const ended = await tell([...onV2, { publish: [follows, digest] }, { run: words }]);
    return { ...ended, said: ended.results.at(-1) };
  };
  const v3 = images[digests.v3]?.checksum;
  const told = "Staged deployment is soft-reboot capable, preparing for soft-reboot...";

  test("is prepared where kernel and arguments are the same, and ordered with --apply", async () => {
    const ended = await tellOf(digests.v3, "upgrade", "--soft-reboot=required", "--apply");
    expect(ended).toMatchObject({ softReboot: v3, reboots: 1, said: { exitCode: 0 } });
    expect(ended.said?.stdout.trimEnd().split("\n").at(-1)).toBe(told);
  });

  test("is prepared and not ordered without --apply", async () => {
    const ended = await tellOf(digests.v3, "upgrade", "--soft-reboot=auto");
    expect(ended).toMatchObject({ softReboot: v3, reboots: 0, said: { exitCode: 0 } });
  });

  test("is refused where it is required and the arguments differ: nothing reboots", async () => {
    const ended = await tellOf(digests.v1, "upgrade", "--soft-reboot=required", "--apply");
    expect(ended).toMatchObject({ softReboot: null, reboots: 0, said: { exitCode: 1 } });
    expect(ended.said?.stderr).toMatch(
      /^error: Upgrading: Handling staged soft reboot: Handling soft reboot: Soft reboot was required but staged deployment is not soft-reboot capable$/m,
    );
  });

  test("gives way to a full one where it may", async () => {
    const ended = await tellOf(digests.v1, "upgrade", "--soft-reboot=auto", "--apply");
    expect(ended).toMatchObject({ softReboot: null, reboots: 1, said: { exitCode: 0 } });
  });

  test("of an update that was staged before is prepared as well", async () => {
    const ended = await tell([
      ...onV2,
      { publish: [follows, digests.v3] },
      { run: ["upgrade"] },
      { run: ["upgrade", "--soft-reboot=required"] },
    ]);
    expect(ended).toMatchObject({ softReboot: v3, reboots: 0 });
    expect(ended.results.at(-1)?.stdout).toBe(
      `No changes in ${follows} => ${digests.v3}\nStaged update present, not changed\n${told}\n`,
    );
  });
});
