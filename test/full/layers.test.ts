/** Hosts with layered packages on real machines, through the stand-in for rpm-ostree; and the spoiled images that their stories have to catch. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "../vm/command-line.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-layers-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("the stories of layered hosts pass", async () => {
  const images = ["--previous", "reference-layered:v1", "--candidate", "reference-layered:v2"];
  const { code, output } = await bootgate([
    ...["run", "layers", "--suite", "full", ...images, "--out", out],
  ]);
  expect(code, output.slice(-3000)).toBe(0);
  const events = eventsOf(join(out, "latest"));
  const ended = events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : []));
  expect(ended).toEqual(Array(4).fill("passed"));
});

test("what is spoiled is caught", async () => {
  const { code, output } = await bootgate(["selftest", "--only", "layers:", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});
