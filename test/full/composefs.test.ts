/** bootc's composefs backend with systemd-boot on real disks: each version installs itself in a helper machine, and the stories play on it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "../vm/command-line.ts";

const backend = ["--backend", "composefs", "--bootloader", "systemd", "--firmware", "uefi"];
const images = ["--previous", "reference:v1", "--candidate", "reference:v2"];

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-composefs-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test.each([
  ["of the suite gate", ["--suite", "gate"]],
  [
    "that need several upgrades",
    ["bootc/download-only", "bootc/rollback-undone", "bootc/three-generations", "bootc/kargs"],
  ],
  [
    "that change nothing that stays",
    ["bootc/upgrade-check", "bootc/upgrade-apply", "bootc/usr-overlay"],
  ],
  [
    "about the root itself",
    [
      "composefs/setting",
      "composefs/etc-var",
      "composefs/tampered-object",
      "composefs/tampered-image",
    ],
  ],
])("the stories %s pass", async (_which, stories) => {
  const words = ["run", ...stories, ...images, ...backend, "--jobs", "1", "--out", out];
  const { code, output } = await bootgate(words);
  expect(code, output.slice(-3000)).toBe(0);
  const events = eventsOf(join(out, "latest"));
  const ended = events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : []));
  expect(new Set(ended)).toEqual(new Set(["passed"]));
});

test("an initramfs that does not measure the image of the root is caught", async () => {
  const words = ["run", "composefs/tampered-image", "--candidate", "reference:v2-unmeasured"];
  const { code, output } = await bootgate([...words, ...backend, "--jobs", "1", "--out", out]);
  expect(code, output.slice(-3000)).toBe(1);
  expect(output).toMatch(/booted although the image of its root was changed/);
});
