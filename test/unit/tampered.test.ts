/** What the stories that change a file behind the system's back hold against whom. */
import { expect, test } from "vitest";
import { CannotTell, ExpectationFailed } from "../../harness/base/errors.ts";
import {
  changeBlock,
  expectSpared,
  readTampered,
  refusedBy,
  whyUnheld,
} from "../../harness/engine/tampered.ts";
import type { Guest } from "../../harness/guest/guest.ts";

interface Said {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
}

/** A guest that says one thing after the other, whatever it is asked. */
function guestThatSays(...words: readonly Said[]): Guest {
  let at = 0;
  const exec = (command: string) =>
    Promise.resolve({
      ...{ command, stdout: "", stderr: "", exitCode: 0, durationMs: 1, truncated: false },
      ...words[at++],
    });
  return { name: "candidate", timeScale: 1, lookAt: "console.log", exec } as unknown as Guest;
}

const block = { device: "/dev/vda", size: 4096, number: 7 };
const before = "a".repeat(64);
const [old, changed] = [{ stdout: "b2xk" }, { stdout: "bmV3" }];

test.each([
  ["refused", { stderr: "sha256sum: /a: Input/output error\n", exitCode: 1 }],
  ["failed", { stderr: "sha256sum: /a: No such file or directory\n", exitCode: 1 }],
  ["kept", { stdout: `${before}  /a\n` }],
  ["changed", { stdout: `${"b".repeat(64)}  /a\n` }],
])("a changed file is %s", async (how, said) => {
  expect(await readTampered(guestThatSays(said), "/a", before)).toMatchObject({ how });
});

test("a block is changed where the disk shows it", async () => {
  expect(await changeBlock(guestThatSays(old, {}, changed), block)).toBeNull();
});

test.each([
  ["Device or resource busy", /does not let a device be written that is mounted/],
  ["Operation not permitted", /is not permitted/],
  ["Read-only file system", /is read-only/],
])("a system that does not let its disk be written is told: %s", async (word, why) => {
  expect(await changeBlock(guestThatSays(old, { stdout: `${word}\n` }), block)).toMatch(why);
});

test.each<[string, readonly Said[]]>([
  ["the change fails", [old, { exitCode: 1, stderr: "dd: Input/output error" }]],
  ["the disk is as it was", [old, {}, old]],
  ["the disk cannot be read any more", [old, {}, {}]],
])("that the disk is not changed is nobody's fault: %s", async (_which, words) => {
  await expect(changeBlock(guestThatSays(...words), block)).rejects.toThrow(CannotTell);
});

test.each([
  ["is refused", { stderr: "sha256sum: /b: Input/output error\n", exitCode: 1 }],
  ["has changed", { stdout: `${"b".repeat(64)}  /b\n` }],
])("that another file %s is not held against the image", async (_how, said) => {
  const spared = expectSpared(guestThatSays(said), "/b", before);
  await expect(spared).rejects.toThrow(CannotTell);
  await expect(spared).rejects.not.toThrow(ExpectationFailed);
});

test("another file that is as it was is spared", async () => {
  const said = { stdout: `${before}  /b\n` };
  await expect(expectSpared(guestThatSays(said), "/b", before)).resolves.toBeUndefined();
});

test.each([
  [
    "[   88.1] kernel: fs-verity (vda3, inode 4711): FILE CORRUPTED! pos=0, level=-1, want_hash=sha256:ab",
    "The kernel says: fs-verity (vda3, inode 4711): FILE CORRUPTED! pos=0, level=-1, want_hash=sha256:ab",
  ],
  [
    "[   88.1] kernel: BTRFS warning (device vda3): csum failed root 256 ino 4711 off 0",
    "The kernel says: BTRFS warning (device vda3): csum failed root 256 ino 4711 off 0",
  ],
  ["-- No entries --", "The kernel does not say by whom."],
])("who refused is what the kernel says", async (journal, told) => {
  expect(await refusedBy(guestThatSays({ stdout: `${journal}\n` }))).toBe(told);
});

test("nothing is asked of objects that nobody checks", () => {
  expect(whyUnheld("composefs", false)).toMatch(/does not have a check of them/);
  expect(whyUnheld("composefs", true)).toBeNull();
  expect(whyUnheld("ostree", false)).toBeNull();
});
