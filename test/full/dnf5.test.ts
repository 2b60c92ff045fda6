/** The real dnf5 and rpm on disks with a package database, and the images that their stories have to catch. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "../vm/command-line.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-dnf5-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("the stories of dnf5 pass", async () => {
  const images = ["--previous", "reference-dnf5:v1", "--candidate", "reference-dnf5:v2"];
  const { code, output } = await bootgate([
    "run",
    "dnf5",
    ...images,
    "--suite",
    "full",
    "--out",
    out,
  ]);
  expect(code, output.slice(-3000)).toBe(0);
  const events = eventsOf(join(out, "latest"));
  const ended = events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : []));
  expect(new Set(ended)).toEqual(new Set(["passed"]));
  expect(ended.length).toBeGreaterThanOrEqual(8);
});

test("what is broken is caught", async () => {
  const { code, output } = await bootgate(["selftest", "--only", "dnf5:", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});
