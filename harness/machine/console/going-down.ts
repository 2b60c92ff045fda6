/**
 * Whether a system says on its console that it stops: systemd's targets of the way down by their names or descriptions, old
 * and new (systemd.special(7): shutdown.target, reboot.target, poweroff.target, halt.target, kexec.target), and what comes
 * after them (systemd-shutdown(8)). It proves nothing by itself; it explains a guest that no longer answers.
 */
import { anyOf, described, systemd } from "./console-pattern.ts";

const goingDown = anyOf([
  systemd(
    `Reached target ${described("(?:shutdown|reboot|poweroff|halt|kexec|final|umount)\\.target\\b|(?:System )?(?:Shutdown|Reboot|Power[- ]?Off|Halt)\\b|Late Shutdown Services\\b|Final Step\\b")}`,
  ),
  /systemd-shutdown\[1\]: /,
]);

/** True when one of these lines is of a system that goes down. */
export const isGoingDown = (lines: readonly string[]): boolean =>
  lines.some((line) => goingDown.test(line));
