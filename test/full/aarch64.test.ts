/**
 * Guests of aarch64 beside those of this host, in one run with one report: the reference OS for it is built by its own
 * programs, boots through its UEFI, is forked, upgraded and rolled back. The stories are those of every machine.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { installMissing } from "../../harness/setup/host-packages.ts";
import { placeFor } from "./support/played.ts";

const place = placeFor("aarch64");
beforeAll(async () => {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  await installMissing(["aarch64"], say, new AbortController().signal);
});

test("one run has guests of both, and one report tells them apart", async () => {
  const words = ["run", "boot/health", "--candidate", "reference:v2", "--cold"];
  const ended = await place.play([...words, "--architecture", "x86_64,aarch64"]);
  expect(ended.outcomes, ended.output.slice(-3000)).toEqual({
    "boot/health@qemu-x86_64-uefi": "passed",
    "boot/health@qemu-aarch64-uefi": "passed",
  });
  expect(ended.code).toBe(0);
  const junit = readFileSync(join(ended.directory, "junit.xml"), "utf8");
  for (const architecture of ["x86_64", "aarch64"])
    expect(junit).toContain(`boot/health@qemu-${architecture}-uefi`);
  const argv = "boot.health@qemu-aarch64-uefi/candidate/qemu.argv";
  expect(readFileSync(join(ended.directory, argv), "utf8")).toContain("-machine virt,");
});

test("its guests are forked, upgraded and rolled back", async () => {
  const stories = ["composefs/root", "bootc/status", "bootc/upgrade-rollback"];
  const images = ["--candidate", "reference:v2", "--previous", "reference:v1"];
  const words = ["run", ...stories, ...images, "--architecture", "aarch64"];
  const ended = await place.play(words);
  expect(ended.outcomes, ended.output.slice(-3000)).toEqual(
    Object.fromEntries(stories.map((story) => [`${story}@qemu-aarch64-uefi`, "passed"])),
  );
  const forks = ended.events.filter((event) => event.type === "deviation" && event.id === "fork");
  expect(forks).not.toEqual([]);
});
