/**
 * Whether a guest runs from the disk that was written for it: a card that is worn, or another one, boots an older image, and the run
 * would be green. The machine laid a mark on the disk, new at each writing, and the guest has to show it.
 */
import { CannotTell, MachineFault } from "../base/errors.ts";
import { commands } from "../guest/commands.ts";
import type { GuestIo } from "../guest/guest-io.ts";
import type { WrittenMark } from "../machine/machine.ts";

/** Asks the guest, where there is a mark. Throws MachineFault where no disk under its root has it, CannotTell where none can be read. */
export async function expectMark(io: GuestIo, mark: WrittenMark | null): Promise<void> {
  if (mark === null) return;
  const { stdout } = await io.exec(commands.underBoot("NAME"));
  // From the file system's device down to whole disks, and the mark lies before the first partition.
  const disks = stdout.split("\n").filter((name) => name.startsWith("/dev/"));
  const wanted = Buffer.from(mark.bytes);
  const read: string[] = [];
  for (const disk of disks.reverse()) {
    const sector = await io.exec(commands.sector(disk, mark.offsetBytes / 512));
    if (sector.exitCode !== 0) continue;
    if (Buffer.from(sector.stdout, "base64").equals(wanted)) return;
    read.push(disk);
  }
  if (read.length === 0)
    throw new CannotTell(
      `Guest '${io.name}' does not show which disk it runs from, so nobody knows whether it is the one that was written.`,
      { details: { "it tells": disks.join(", ") || "no disk" }, lookAt: io.lookAt },
    );
  throw new MachineFault(`The running system of guest '${io.name}' is not what was written.`, {
    details: {
      "it runs from": read.join(", "),
      why: "the disk does not have the mark that was laid on it",
      "may be":
        "a worn card that keeps what it had, another card, or another disk of the board that it boots from",
    },
    lookAt: io.lookAt,
  });
}
