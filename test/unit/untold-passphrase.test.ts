/** A disk that asks for a passphrase: whose fault that is depends on who encrypted it, and a file may tell it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BootFailed, CannotTell } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import { withPassphrases } from "../../harness/cli/wiring/passphrase.ts";
import { unlessUntold } from "../../harness/engine/untold-passphrase.ts";
import type { Image } from "../../images/image.ts";

const digest = asDigest(`sha256:${"1".repeat(64)}`);
const image = (disk: Image["disk"]): Image => ({
  ...{ name: "a", digest, manifest: null, architecture: "x86_64", disk },
  ...{ oci: null, follows: null, standIns: [] },
});
const disk = { path: "/a.qcow2", format: "qcow2", digest } as const;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-untold-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const asked = (pattern: string) =>
  new BootFailed("Guest 'a' did not boot: the boot waits for a passphrase that nobody enters.", {
    ...{ stage: "initrd", pattern, lookAt: "console.log:9" },
    details: { console: '"Please enter passphrase for disk"', "how to": "elsewhere" },
  });

test("a question that somebody else's disk asks cannot be judged, and says what to do", () => {
  const error = unlessUntold(asked("passphrase-prompt"), [{}, { passphraseUntold: true }]);
  expect(error).toBeInstanceOf(CannotTell);
  expect(String(error)).toMatch(/The disk asks for a passphrase that bootgate was not told\./);
  expect((error as CannotTell).details).toEqual({
    why: "Guest 'a' did not boot: the boot waits for a passphrase that nobody enters.",
    console: '"Please enter passphrase for disk"',
    "to do": "give it in a file by --passphrase-file",
  });
});

test("of a disk that the harness made, and of another end of the boot, it is judged as ever", () => {
  const prompt = asked("passphrase-prompt");
  expect(unlessUntold(prompt, [{}])).toBe(prompt);
  const panic = asked("kernel-panic");
  expect(unlessUntold(panic, [{ passphraseUntold: true }])).toBe(panic);
});

test("a disk file of somebody else's is opened by the passphrase that a file tells", async () => {
  const file = join(folder, "secret");
  await writeFile(file, "correct horse battery\n");
  const images = { candidate: image(disk), previous: image(disk), next: image(null) };
  const told = await withPassphrases(images, file);
  expect(told.candidate.disk?.passphrase?.reveal()).toBe("correct horse battery");
  expect(told.candidate.disk?.passphraseUntold).toBeUndefined();
  expect(told.previous.disk?.passphraseUntold).toBe(true);
  expect(told.next.disk).toBeNull();
  const none = await withPassphrases(images, undefined);
  expect(none.candidate.disk?.passphraseUntold).toBe(true);
  expect(none.candidate.disk?.passphrase).toBeUndefined();
});
