/** The real podman on machines: its storage as a source of updates, the images that a system is bound to, and what their stories have to catch. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "../vm/command-line.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-podman-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("the stories of podman's storages pass", async () => {
  const { code, output } = await bootgate([
    ...["run", "bootc/switch-containers-storage", "bootc/bound-images", "--suite", "full"],
    ...["--previous", "reference-podman:v1", "--candidate", "reference-podman:v2", "--out", out],
  ]);
  expect(code, output.slice(-3000)).toBe(0);
  const ended = eventsOf(join(out, "latest")).flatMap((event) =>
    event.type === "job-ended" ? [event.outcome.kind] : [],
  );
  expect(ended).toEqual(["passed", "passed"]);
});

test("what is broken is caught", async () => {
  const { code, output } = await bootgate(["selftest", "--only", "podman:", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});
