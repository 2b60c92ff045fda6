/**
 * An emulated Raspberry Pi 3 from its card image to user space, by the product's own driver: the card's real U-Boot, EFI, GRUB and Debian's kernel. The system
 * is a stand-in, busybox in an initramfs: there is not a reference OS for aarch64 yet, so no story can be played on it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { createBoardDriver } from "../../harness/machine/board/driver.ts";
import { holderOf } from "../../harness/machine/board/lease/lease.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { installMissing } from "../../harness/setup/host-packages.ts";
import { type EmulatedPi3Options, startEmulatedPi3 } from "../boards/emulated-pi3.ts";
import { makePiCard, type PiCardOptions } from "../boards/pi-card.ts";
import { providePiParts } from "../boards/pi-parts.ts";

const minutes = 60_000;
const { signal } = new AbortController();
let folder = "";
beforeAll(async () => {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  await installMissing(["aarch64"], say, signal);
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-pi-"));
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "leases"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Writes a card, plays with the board, and sees that it is off after that. */
async function withPi(
  card: Omit<PiCardOptions, "parts" | "path">,
  board: Omit<EmulatedPi3Options, "folder">,
  play: (machine: Machine) => Promise<void>,
): Promise<void> {
  const image = join(folder, "image.raw");
  await makePiCard({ ...card, parts: await providePiParts(), path: image });
  await using pi = await startEmulatedPi3({ ...board, folder });
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
    await play(machine);
  } finally {
    await machine[Symbol.asyncDispose]();
  }
  expect(pi.isOn).toBe(false);
  expect(await holderOf("emulated-pi3")).toBeNull();
}

test(
  "a Raspberry Pi boots a kernel from its card by U-Boot and GRUB, with what was typed at GRUB, and gives a shell",
  () =>
    withPi({ hasLinux: true }, {}, async (machine) => {
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
    }),
  60 * minutes,
);

test(
  "a card without a kernel is named by GRUB, which was typed at, and the firmware told its versions",
  () =>
    withPi({}, {}, async (machine) => {
      const error = await Promise.race([machine.console.fatal, machine.died]).catch(
        (thrown: unknown) => thrown,
      );
      expect(messageOf(error)).toMatch(/GRUB could not load the kernel[\s\S]*vmlinuz/);
      expect(machine.console.stages.map(({ stage }) => stage)).toEqual(["firmware", "bootloader"]);
      expect(machine.firmware).toEqual([
        expect.stringMatching(/^U-Boot 2025\.01/),
        "board RPI 3 Model B (0xa02082)",
        expect.stringMatching(/^GRUB 2\.12/),
      ]);
      expect(machine.deviations.map(({ id }) => id)).toEqual(["card-mark", "credentials-typed"]);
    }),
  30 * minutes,
);

test.each<
  [string, "failed" | "broken", RegExp, PiCardOptions["fault"], Omit<EmulatedPi3Options, "folder">]
>([
  ["without its firmware", "broken", /never said a byte/, "no-firmware", { slowness: 1 }],
  ["without U-Boot", "broken", /never said a byte/, "no-u-boot", { slowness: 1 }],
  ["without a device tree", "broken", /never said a byte/, "no-device-tree", { slowness: 1 }],
  ["without a boot loader", "failed", /found no EFI boot loader/, "no-loader", {}],
  ["whose boot loader is not a program", "failed", /found no EFI boot loader/, "bad-loader", {}],
  ["whose boot loader crashes", "broken", /Synchronous Abort/, "loader-crashes", {}],
  ["whose GRUB has no menu", "failed", /GRUB found nothing to boot/, "no-menu", {}],
  ["that goes away", "broken", /its card did not answer/, undefined, { losesCard: true }],
  ["on a line of another speed", "broken", /is not text/, undefined, { serial: "wrong-speed" }],
])(
  "a card %s is %s, by the words of a real U-Boot",
  (_, kind, words, fault, board) =>
    withPi({ fault }, board, async (machine) => {
      const error = await Promise.race([machine.console.fatal, machine.died]).catch(
        (thrown: unknown) => thrown,
      );
      expect(messageOf(error)).toMatch(words);
      expect(outcomeOf(error).kind).toBe(kind);
    }),
  30 * minutes,
);
