/** The mark on a card, asked of a guest whose commands really run: shown, not shown, and not to be told. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CannotTell, MachineFault } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { expectMark } from "../../harness/engine/written-mark.ts";
import { commands } from "../../harness/guest/commands.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { newNonce, nonceSector } from "../../harness/machine/board/card/card-nonce.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-mark-"));
});
afterAll(() => rm(folder, { recursive: true }));

const at = 1024 * 1024 - 4096;

/** A guest with these disks under its root; a disk of the guest's is a file of the folder. */
const guestOn = (disks: string): GuestIo => ({
  ...{ name: "candidate", timeScale: 1, lookAt: "console.log" },
  async exec(command) {
    const line =
      command === commands.underBoot("NAME")
        ? `printf '%b' '${disks.replaceAll("\n", "\\n")}'`
        : command.replaceAll("/dev/", `${folder}/`);
    const { stdout, stderr, exitCode } = await attemptCommand("sh", ["-c", line]);
    return { command, stdout, stderr, exitCode, durationMs: 1, truncated: false };
  },
});

async function disk(name: string, sector: Uint8Array): Promise<void> {
  const bytes = Buffer.alloc(2 * 1024 * 1024);
  bytes.set(sector, at);
  await writeFile(join(folder, name), bytes);
}

test("a guest that runs from the disk that was written shows its mark", async () => {
  const bytes = nonceSector(newNonce(at));
  await disk("sda", bytes);
  const mark = { offsetBytes: at, bytes };
  await expectMark(guestOn("/dev/sda3\n/dev/sda\n"), mark);
  await expectMark(guestOn("/dev/sdz\n"), null);
});

test("one that runs from a card that kept an older mark, or from another disk, is not judged", async () => {
  await disk("sda", nonceSector(newNonce(at)));
  const mark = { offsetBytes: at, bytes: nonceSector(newNonce(at)) };
  const told = expectMark(guestOn("/dev/sda3\n/dev/sda\n"), mark);
  await expect(told).rejects.toBeInstanceOf(MachineFault);
  await expect(told).rejects.toThrow(/'candidate' is not what was written/);
});

test.each(["", "tmpfs\n", "/dev/sdx\n"])("one that tells '%s' cannot be told", async (disks) => {
  const mark = { offsetBytes: at, bytes: nonceSector(newNonce(at)) };
  await expect(expectMark(guestOn(disks), mark)).rejects.toBeInstanceOf(CannotTell);
});
