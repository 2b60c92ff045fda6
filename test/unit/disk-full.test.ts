/** Guests whose disk is full: whose fault that is depends on who chose how large the disk is. */
import { describe, expect, test } from "vitest";
import {
  CannotTell,
  CommandFailed,
  ExpectationFailed,
  HostUnfit,
} from "../../harness/base/errors.ts";
import { sizesADisk, unlessDiskFull } from "../../harness/engine/disk-full.ts";
import { Failure } from "../../harness/engine/failure.ts";
import { requireSuccess } from "../../harness/guest/guest-io.ts";
import { scenario } from "../../harness/index.ts";
import { simulatedImage } from "../rehearsal/rehearse.ts";

const upgradeThatSays = (stderr: string): unknown => {
  const result = { command: "bootc upgrade", exitCode: 1, stdout: "", stderr, truncated: false };
  try {
    return requireSuccess({ name: "v1", lookAt: "console.log" }, { ...result, durationMs: 1 });
  } catch (error) {
    return error;
  }
};

const words = [
  "error: Upgrading: Importing: No space left on device (os error 28)",
  "error: Insufficient free space for docker://x (available: 1.2 GB required: 2.0 GB)",
  "error: Upgrading: min-free-space-percent '3%' would be exceeded, at least 120 MB requested",
  "Error: At least 512MB more space needed on the / filesystem.",
];

test.each(words)("on a disk that we sized nobody can tell: %s", (said) => {
  const failed = upgradeThatSays(said);
  expect(failed).toBeInstanceOf(CommandFailed);
  const error = unlessDiskFull(failed, true);
  expect(error).toBeInstanceOf(CannotTell);
  expect(String(error)).toContain("--disk-size");
  expect(String(error)).toContain(said.slice(0, 20));
  expect(unlessDiskFull(failed, false)).toBe(failed);
});

test("what does not speak of a full disk stays what it is, as does what is not the image's fault", () => {
  for (const error of [
    upgradeThatSays("error: Upgrading: connection refused"),
    new ExpectationFailed("/ is an ext4."),
    new HostUnfit("No space left on device."),
    new Error("No space left on device"),
  ])
    expect(unlessDiskFull(error, true)).toBe(error);
});

test("a guest's words cannot stand in for the harness's own", () => {
  const error = unlessDiskFull(
    new ExpectationFailed("The disk has no room: No space left on device"),
    true,
  );
  expect(error).toMatchObject({ ownWords: expect.stringContaining("it was made for this run") });
});

test("the attempt ends with it, and evidence is taken of it", async () => {
  const { signal } = new AbortController();
  const failure = new Failure({
    runSignal: signal,
    runDirectory: ".",
    log: () => undefined,
    timeScale: 1,
    hold: null,
    guests: () => [],
    sizesADisk: true,
  });
  const failed = upgradeThatSays(words[0] ?? "");
  const blamed = await failure.blame(failed);
  expect(blamed).toBeInstanceOf(CannotTell);
  // Brought again by the story, it is the same error.
  expect(await failure.blame(blamed)).toBe(blamed);
  expect(failure.first?.error).toBe(blamed);
});

describe("who chose the size", () => {
  const story = scenario({
    summary: "x",
    needs: { images: ["previous", "candidate"], boots: ["previous"] },
    timeoutMinutes: 1,
    run: async () => undefined,
  });
  const withDisk = simulatedImage("v1", "1");
  const without = { ...withDisk, disk: null };
  test.each([
    ["the harness, of a disk that it makes", without, withDisk, true],
    ["its maker, of a disk that is given", withDisk, without, false],
  ])("%s", (_, previous, candidate, expected) => {
    const images = { previous, candidate };
    expect(sizesADisk({ scenario: { id: "x/y", definition: story }, images })).toBe(expected);
  });
});
