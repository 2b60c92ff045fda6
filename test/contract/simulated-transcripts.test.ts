/** The simulated `bootc` against what real bootc 1.16.9 printed on both backends: exit code, stream, order of lines, words, keys. */
import { beforeAll, describe, expect, test } from "vitest";
import { commands } from "../../harness/guest/commands.ts";
import { SimulatedFiles } from "../simulated/file-system.ts";
import { runCommandLine } from "../simulated/programs.ts";
import { SimulatedSystem } from "../simulated/system.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import type { SimulatedKind } from "../simulated/world-options.ts";
import {
  composefsStory,
  digests,
  follows,
  images,
  ostreeStory,
  type StoryStep,
} from "./support/bootc-story.ts";
import { comparableShape, readTranscript, type Said } from "./support/transcripts.ts";

/** What the double does not have, since no story asks for it: text for people, other faults of a registry, names that cannot be references. */
const leftOut = /bad-format|switch-invalid|no-tag|usr-?overlay|no-insecure|registry-down/;
const isTold = (transcript: string): boolean =>
  !leftOut.test(transcript) && !/=humanreadable|=yaml/.test(readTranscript(transcript).command);

/** The same system, led through the recording; a transcript's name → what the double said. */
async function tell(
  kind: SimulatedKind,
  story: readonly StoryStep[],
): Promise<ReadonlyMap<string, Said>> {
  const world = new SimulatedWorld({ kind, follows });
  for (const [digest, { version, created, kargs }] of Object.entries(images))
    world.addImage({ digest, version, created, kargs, etc: {} });
  const shelf = world.openShelf();
  const publish = (reference: string, digest: string): Promise<string> =>
    shelf.publish(reference.slice(reference.indexOf("/") + 1), { digest });
  await publish(follows, digests.v1);
  const system = new SimulatedSystem({
    world,
    digest: digests.v1,
    forwards: [shelf],
    plan: { sabotage: null, sabotagedDigest: null },
  });
  const files = new SimulatedFiles(system);
  system.start();
  const said = new Map<string, Said>();
  for (const step of story) {
    if ("publish" in step) await publish(...step.publish);
    if ("reboot" in step) {
      system.shutDown();
      system.start();
    }
    if (!("transcript" in step) || !isTold(step.transcript)) continue;
    const { command } = readTranscript(step.transcript);
    const { mounts } = system;
    said.set(step.transcript, runCommandLine(command, { input: "", system, files, mounts }));
  }
  return said;
}

const namesOf = (story: readonly StoryStep[]): string[] =>
  story.flatMap((step) =>
    "transcript" in step && isTold(step.transcript) ? [step.transcript] : [],
  );

describe.each([
  ["bootc", ostreeStory, 30],
  ["bootc-composefs", composefsStory, 11],
] as const)("a system of %s says what real bootc said", (kind, story, atLeast) => {
  let said: ReadonlyMap<string, Said>;
  beforeAll(async () => {
    said = await tell(kind, story);
  });

  test("most of the recording is told", () => {
    expect(said.size).toBeGreaterThanOrEqual(atLeast);
  });

  test.each(namesOf(story))("%s", (name) => {
    const answer = said.get(name);
    if (answer === undefined) throw new Error("The story ended early.");
    expect(comparableShape(answer)).toEqual(comparableShape(readTranscript(name)));
  });
});

test("ostree knows nothing of a system with the composefs backend", async () => {
  const world = new SimulatedWorld({ kind: "bootc-composefs" });
  const plan = { sabotage: null, sabotagedDigest: null };
  const system = new SimulatedSystem({ world, digest: digests.v1, forwards: [], plan });
  const call = { input: "", system, files: new SimulatedFiles(system), mounts: system.mounts };
  const { stderr, exitCode } = runCommandLine(commands.ostreeStatus, call);
  expect(readTranscript("b05-ostree")).toMatchObject({ exitCode, stderr: stderr + stderr });
});

test("the harness's way to follow another reference is the one that was seen to work", () => {
  const { command } = readTranscript("76-mutate-rw");
  expect(commands.bootcFollow("10.0.2.100:5000/os:next")).toBe(command);
});
