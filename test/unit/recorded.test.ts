/** Readers against what real bootc and ostree printed, and every recording named by a test. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { createBootc } from "../../harness/guest/tools/bootc.ts";
import { parseEntries } from "../../harness/guest/tools/grub.ts";
import { createOstree, parseLayerRefs } from "../../harness/guest/tools/ostree.ts";
import { readTranscript, transcriptNames } from "../contract/support/transcripts.ts";

const root = join(import.meta.dirname, "..");

/** A guest that answers everything with one text. */
const saying = (stdout: string): GuestIo => ({
  ...{ name: "v1", timeScale: 1, lookAt: "console.log" },
  exec: async (command) => ({
    ...{ command, stdout, stderr: "", exitCode: 0, durationMs: 1, truncated: false },
  }),
});

test("the version", async () => {
  expect(await createBootc(saying(readTranscript("01-version").stdout)).version()).toBe(
    "bootc 1.16.9",
  );
});

test.each([
  ["13-ostree-admin-status-json", [["8a49a737", "booted"]]],
  [
    "55-admin-status",
    [
      ["d69e43d6", "staged pending"],
      ["8a49a737", "booted"],
    ],
  ],
])("the deployments of ostree: %s", async (name, expected) => {
  const { stdout } = readTranscript(name);
  const said = stdout.slice(stdout.indexOf("{"));
  const found = await createOstree(saying(said)).deployments();
  const words = ["booted", "staged", "pending", "rollback", "pinned"] as const;
  expect(
    found.map((one) => [one.checksum.slice(0, 8), words.filter((word) => one[word]).join(" ")]),
  ).toEqual(expected);
});

test("the people's form of the same: the booted one has a star, and origins are not told", () => {
  const { stdout } = readTranscript("12-ostree-admin-status");
  expect(stdout).toMatch(/^\* default [0-9a-f]{64}\.0\n {4}origin: <unknown origin type>\n/);
});

test("the layers that a repository keeps", () => {
  const layers = parseLayerRefs(readTranscript("53-refs").stdout);
  expect(layers).toHaveLength(5);
  for (const digest of layers) expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test("the entries of a boot loader while a rollback is queued: the one of v1 goes first", () => {
  const entries = parseEntries(readTranscript("68-entries-rollback-queued").stdout);
  expect(entries.map(({ version, deployment }) => [version, deployment?.slice(-2)])).toEqual([
    ["2", "/0"],
    ["1", "/1"],
  ]);
});

test("a single entry, and the arguments that the kernel of v2 was booted with", () => {
  const { stdout } = readTranscript("16-loader");
  expect(stdout).toMatch(/^options root=UUID=\S+ rw .*ostree=\/ostree\/boot\.\d\/default\//m);
  const [cmdline = ""] = readTranscript("62-cmdline-v2").stdout.split("\n");
  expect(cmdline).toMatch(/ ostree=\/ostree\/boot\.0\/default\/\S+ holdout\.v2=1$/);
});

test("/sysroot is mounted read-only again after bootc has written to it", () => {
  expect(readTranscript("78-sysroot-still-ro").stdout.trim().split(",")).toContain("ro");
});

test("every recording is one that a test names", () => {
  const texts = readdirSync(root, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(root, name), "utf8"))
    .join("\n");
  const unnamed = transcriptNames().filter((name) => !texts.includes(`"${name}"`));
  expect(unnamed).toEqual([]);
});
