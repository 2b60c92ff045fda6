/** The real bootupd, built by its own compiler, on disks that installed themselves; and the spoiled images that its stories have to catch. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "../vm/command-line.ts";

const stories = [
  "status",
  "drift",
  "adopt",
  "update",
  "interrupted",
  "old-state",
  "other-disk",
].map((name) => `bootupd/${name}`);
const menus = ["static-menu", "older-entry", "migrate", "boot-counting", "mkconfig-leftovers"].map(
  (name) => `grub/${name}`,
);

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-boot-loader-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("the stories of bootupd and of static GRUB pass", async () => {
  const images = ["--previous", "reference-bootupd:v1", "--candidate", "reference-bootupd:v2"];
  const { code, output } = await bootgate(["run", ...stories, ...menus, ...images, "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
  const events = eventsOf(join(out, "latest"));
  const ended = events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : []));
  expect(ended).toEqual([...stories, ...menus].map(() => "passed"));
});

test.each(["bootupd:", "grub:"])("what is spoiled is caught: %s", async (only) => {
  const { code, output } = await bootgate(["selftest", "--only", only, "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});
