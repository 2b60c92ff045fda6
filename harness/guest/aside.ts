/** A guest as the harness asks it for its own sake: over the root channel where that answers, and else over the story's own way. */
import type { RootChannel } from "./channel/root-channel.ts";
import { commandDefaults } from "./command.ts";
import type { GuestIo } from "./guest-io.ts";

/** What the channel does not answer is asked of `guest`, whose errors say why. Rejects with what aborts the signal that `within` gives. */
export function asideOf(
  guest: GuestIo,
  channel: RootChannel | null,
  within: () => { readonly signal: AbortSignal },
): GuestIo {
  const { name, lookAt, timeScale } = guest;
  return {
    ...{ name, lookAt, timeScale },
    async exec(command, limits = {}) {
      if (channel?.isOpen !== true || limits.input !== undefined)
        return guest.exec(command, limits);
      const {
        timeoutMs = commandDefaults.timeoutMs * timeScale,
        maxBytes = commandDefaults.maxBytes,
      } = limits;
      const outcome = await channel.exec(command, { timeoutMs, maxBytes, ...within() });
      if (outcome.lost !== null || outcome.timedOut) return guest.exec(command, limits);
      const { stdout, stderr, exitCode, durationMs, truncated } = outcome;
      return { command, stdout, stderr, exitCode, durationMs, truncated };
    },
  };
}
