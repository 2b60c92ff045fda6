/**
 * What a rollback waits for. A person who rolls back has a system that is up; a story is there as soon as sshd answers, and an update's health
 * checks may still run. greenboot takes a boot of another deployment meanwhile for a fallback of GRUB's and rolls back once more
 * (fedora-iot/greenboot-rs#181, `detect_grub_fallback`).
 */
import { formatDuration } from "../../base/units.ts";
import { commandDefaults } from "../command.ts";
import { commands } from "../commands.ts";
import type { GuestIo } from "../guest-io.ts";
import { settleTimeoutMs } from "./systemd.ts";

/** What timeout(1) ends with once it has ended what it ran. */
const ranOut = 124;

/**
 * Returns what waits for the end of this guest's start-up, as long as `settled` does, and which costs one answer where that is over. Where it does not come,
 * the rollback goes on: `boot/health` judges the start-up, and the network that it may wait for can be closed by the harness. Then it is told, and not
 * waited for a second time.
 */
export function startUpWaiter(io: GuestIo, onNote?: (text: string) => void): () => Promise<void> {
  let isGivenUp = false;
  return async () => {
    if (isGivenUp) return;
    const seconds = Math.ceil((settleTimeoutMs * io.timeScale) / 1000);
    const timeoutMs = seconds * 1000 + commandDefaults.timeoutMs * io.timeScale;
    const { exitCode } = await io.exec(commands.startUpEnd(seconds), { timeoutMs });
    if (exitCode !== ranOut) return;
    isGivenUp = true;
    onNote?.(
      `Guest '${io.name}' was rolled back before its start-up had ended, which was waited for ${formatDuration(seconds * 1000)}.`,
    );
  };
}
