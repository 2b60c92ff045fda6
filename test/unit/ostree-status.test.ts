/** What ostree says of its deployments, in JSON and, before 2025.3, as text: from recorded output of one and the same host. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../../harness/base/package-root.ts";
import { commands } from "../../harness/guest/commands.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { objectsOf } from "../../harness/guest/tools/objects.ts";
import { createOstree, parseStatusText } from "../../harness/guest/tools/ostree.ts";

const recorded = readFileSync(
  join(packageRoot, "fixtures/transcripts/bootc-1.16.9/55-admin-status.txt"),
  "utf8",
);
const stdout = recorded.slice(
  recorded.indexOf("--- stdout\n") + "--- stdout\n".length,
  recorded.indexOf("--- stderr"),
);
const text = stdout.slice(0, stdout.indexOf("{\n"));
const json = stdout.slice(stdout.indexOf("{\n"));
const checksums = ["d69e43d6", "8a49a737"];

/** A guest that has this ostree; every other command succeeds and prints nothing. */
const guest = (hasJson: boolean, asked: string[] = []): GuestIo => ({
  name: "candidate",
  timeScale: 1,
  lookAt: "console.log",
  exec: async (command) => {
    asked.push(command);
    const refused = command === commands.ostreeStatus && !hasJson;
    const answers: Record<string, string> = {
      [commands.ostreeStatus]: json,
      [commands.ostreeStatusOld]: text,
    };
    return {
      ...{ command, truncated: false, durationMs: 0 },
      exitCode: refused ? 1 : 0,
      stdout: refused ? "" : (answers[command] ?? ""),
      stderr: refused
        ? "Usage:\n  ostree admin status [OPTION…]\n\nerror: Unknown option --json\n"
        : "",
    };
  },
});

describe("deployments", () => {
  test.each([true, false])("are the same where ostree has --json: %s", async (hasJson) => {
    const found = await createOstree(guest(hasJson)).deployments();
    expect(found.map(({ checksum }) => checksum.slice(0, 8))).toEqual(checksums);
    expect(found).toMatchObject([
      { staged: true, pending: true, booted: false, serial: 0, index: 0, stateroot: "default" },
      { staged: false, booted: true, rollback: false, pinned: false, unlocked: "none", index: 1 },
    ]);
  });

  test.each([true, false])(
    "name the image of a root where ostree has --json: %s",
    async (hasJson) => {
      const path = await objectsOf(guest(hasJson)).deployedImage();
      expect(path).toMatch(
        /^\/sysroot\/ostree\/deploy\/default\/deploy\/8a49a737\w+\.0\/\.ostree\.cfs$/,
      );
    },
  );

  test("a status that fails for another reason is not asked again", async () => {
    const asked: string[] = [];
    const io = guest(true, asked);
    const broken = createOstree({
      ...io,
      exec: async (command) => ({
        ...(await io.exec(command)),
        exitCode: 1,
        stderr: "error: loading sysroot: Opening sysroot repo",
      }),
    });
    await expect(broken.deployments()).rejects.toThrow(/ended with exit code 1/);
    expect(asked).toEqual([commands.ostreeStatus]);
  });
});

test("the text tells versions, pins, and a /usr that was opened", () => {
  const [one, two] = ["a", "b"].map((digit) => digit.repeat(64));
  const old = [
    `  fedora ${one}.1 (pending)`,
    "    Version: 41.20250101.0",
    "    origin refspec: fedora:fedora/41/x86_64/silverblue",
    `* fedora ${two}.0`,
    "    Version: 40.1",
    "    \x1b[31m\x1b[1mUnlocked: development\x1b[22m\x1b[0m",
    "    Pinned: yes",
    "    origin: none",
    "noise",
  ];
  expect(parseStatusText(old.join("\n"))).toMatchObject([
    { checksum: one, serial: 1, pending: true, staged: false, version: "41.20250101.0" },
    { checksum: two, booted: true, unlocked: "development", pinned: true, version: "40.1" },
  ]);
  const hostile = `* x ${"a".repeat(100_000)}\n${"* ".repeat(50_000)}`;
  expect(parseStatusText(hostile)).toEqual([]);
});
