/**
 * An emulated Raspberry Pi 3 from its card image to user space, by the product's own driver: the card's real U-Boot, EFI, GRUB and Debian's kernel. The system
 * is a stand-in, busybox in an initramfs: there is not a reference OS for aarch64 yet, so no story can be played on it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { createBoardDriver } from "../../harness/machine/board/driver.ts";
import { startEmulatedPi3 } from "../boards/emulated-pi3.ts";
import { makePiCard } from "../boards/pi-card.ts";
import { providePiParts } from "../boards/pi-parts.ts";

const minutes = 60_000;
const { signal } = new AbortController();
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-pi-"));
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "leases"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

test(
  "a Raspberry Pi boots a kernel from its card by U-Boot and GRUB, with what was typed at GRUB, and gives a shell",
  async () => {
    const image = join(folder, "image.raw");
    await makePiCard({ parts: await providePiParts(), path: image, hasLinux: true });
    await using pi = await startEmulatedPi3({ folder });
    const boards = await loadBoards(pi.boardsPath);
    const driver = createBoardDriver({
      ...{ board: boardNamed(boards, "emulated-pi3"), boardsPath: boards.path, person: null },
      onProgress: () => undefined,
    });
    const machine = await driver.create(
      {
        ...{ name: "candidate", architecture: "aarch64", firmware: "uefi", memoryMiB: 1024 },
        ...{ cpus: 4, network: "closed", forwards: [] },
        credentials: { "agetty.autologin": "root" },
        disks: [
          {
            kind: "overlay",
            ...{ backingFile: image, backingFormat: "raw" },
            contentDigest: `sha256:${"d".repeat(64)}`,
          },
        ],
        imageDigest: `sha256:${"1".repeat(64)}`,
      },
      { directory: folder, signal },
    );
    try {
      await machine.power.on(signal);
      const { console } = machine;
      await Promise.race([console.reached("userspace", signal), console.fatal, machine.died]);
      expect(console.stages.map(({ stage }) => stage)).toEqual([
        ...["firmware", "bootloader", "kernel", "initrd", "userspace"],
      ]);
      expect(machine.firmware?.[0]).toMatch(/^U-Boot 20/);
      await console.type("cat /proc/cmdline /proc/device-tree/model; echo\r");
      const shown = () => console.said(20).join("\n");
      await expect
        .poll(shown, { timeout: 5 * minutes })
        .toMatch(/systemd\.set_credential=agetty\.autologin:root[\s\S]*Raspberry Pi 3 Model B/);
      expect(machine.deviations.map(({ id }) => id)).toContain("credentials-typed");
    } finally {
      await machine[Symbol.asyncDispose]();
    }
    expect(pi.isOn).toBe(false);
  },
  60 * minutes,
);
