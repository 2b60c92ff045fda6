// Which stories about a kickstart command are played, and with whose disks.
import { expect, test } from "vitest";
import type { DiskMaker, DiskOptions } from "../../harness/cli/wiring/disk-options.ts";
import { withKickstartCommands } from "../../harness/cli/wiring/kickstart-jobs.ts";
import type { Job } from "../../harness/engine/plan.ts";
import type { InstallerImage } from "../../images/image.ts";
import { installerIso, isoImage } from "./support/installer-iso.ts";

const iso: InstallerImage = { ...installerIso, carriesImage: true };

function job(command: "bootc" | undefined, installer: InstallerImage = iso): Job {
  const needs = { images: ["candidate"], ...(command === undefined ? {} : { kickstart: command }) };
  return {
    id: `story-${command ?? "any"}`,
    scenario: {
      id: "story",
      definition: { summary: "", needs, timeoutMinutes: 1, run: async () => expect.fail() },
    },
    images: { candidate: isoImage(installer) },
    machine: {} as Job["machine"],
    skip: null,
    repeat: "",
  };
}

function play(jobs: readonly Job[], how: DiskOptions = {}) {
  const asked: DiskOptions[] = [];
  const disksFor = (options: DiskOptions): DiskMaker => {
    asked.push(options);
    return {} as DiskMaker;
  };
  return { jobs: withKickstartCommands(jobs, { how, disksFor }), asked };
}

test("a story about a command has disks that are installed by it, one maker for all", () => {
  const { jobs, asked } = play([job(undefined), job("bootc"), job("bootc")], { diskSize: 8000 });
  expect(asked).toEqual([{ diskSize: 8000, kickstartCommand: "bootc" }]);
  expect(jobs.map(({ disks }) => disks !== undefined)).toEqual([false, true, true]);
  expect(jobs[1]?.disks).toBe(jobs[2]?.disks);
  expect(jobs.map(({ skip }) => skip)).toEqual([null, null, null]);
});

test("the command that is asked for anyway is played", () => {
  expect(play([job("bootc")], { kickstartCommand: "bootc" }).jobs[0]?.skip).toBeNull();
});

test("an installer that knows the command plays it, and one of an unknown release too", () => {
  expect(play([job("bootc", { ...iso, fedora: 44 })]).jobs[0]?.skip).toBeNull();
  const asked = { kickstartCommand: "bootc" } as const;
  expect(play([job("bootc", { ...iso, fedora: 43 })], asked).jobs[0]?.skip).toMatch(/44\.3/);
});

test.each<[string, DiskOptions, InstallerImage, RegExp]>([
  ["the person's kickstart", { kickstart: "mine.ks" }, iso, /kickstart that was named decides/],
  [
    "another command",
    { kickstartCommand: "ostreecontainer" },
    iso,
    /about the kickstart command bootc, and --kickstart-command says ostreecontainer/,
  ],
  [
    "the ISO's own kickstart",
    {},
    { ...iso, arguments: ["inst.ks=hd:LABEL=OS:/osbuild.ks"] },
    /kickstart of its own/,
  ],
  ["the installer's release", {}, { ...iso, fedora: 43 }, /known to Anaconda from 44\.3 on/],
  [
    "the installer's release",
    { kickstartLayout: "custom" },
    { ...iso, fedora: 44 },
    /partitions of one's own with Anaconda from 45\.17 on/,
  ],
  ["an ISO without an image", {}, { ...iso, carriesImage: false }, /does not carry an image/],
])("it is skipped where %s decides", (_what, how, installer, expected) => {
  const { jobs, asked } = play([job(undefined, installer), job("bootc", installer)], how);
  expect(jobs.map(({ skip }) => skip)).toEqual([null, expect.stringMatching(expected)]);
  expect(asked).toEqual([]);
});

test("what an ISO carries is not what a person's kickstart has to install", () => {
  const { digest } = iso;
  const carriedBy = (how: DiskOptions) =>
    play([job(undefined, { ...iso, carries: digest })], how).jobs[0]?.images.candidate?.installer
      ?.carries;
  expect([carriedBy({}), carriedBy({ kickstart: "mine.ks" })]).toEqual([digest, undefined]);
});
