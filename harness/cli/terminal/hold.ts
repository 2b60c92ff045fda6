/** What a person may do at a failure: the guest stays up, the terminal says how to get in, and the step goes on later. */
import { setTimeout as delay } from "node:timers/promises";
import { reportError } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { cacheRoot } from "../../base/workspace.ts";
import type { EvidenceSource, Hold } from "../../engine/evidence.ts";
import { channelOf } from "../../guest/channel/channel-of.ts";
import type { RootChannel } from "../../guest/channel/root-channel.ts";
import { type Channel, runLines, type Streams } from "./channel-shell.ts";

async function tell(
  guests: readonly EvidenceSource[],
  error: unknown,
  say: (line: string) => void,
  aboutChannel: string,
): Promise<void> {
  say(`Failed: ${reportError(error).headline}`);
  for (const source of guests) {
    const { name, machine } = source;
    const address = await machine.sshAddress?.(AbortSignal.timeout(1000)).catch(() => null);
    if (address === null || address === undefined) continue;
    say(
      `  guest '${name}': ssh -i ${cacheRoot()}/ssh/id_ed25519 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p ${address.port} root@${address.host}`,
    );
    say(`  its console: ${machine.console.path}`);
    if (openChannel(source) !== null) say(`  if SSH does not answer: ${aboutChannel}`);
  }
}

/** The root channel of a guest whose shell listens, else null. */
function openChannel({ machine, login }: EvidenceSource): RootChannel | null {
  const channel = channelOf(machine, login.timeScale);
  return channel?.isOpen === true ? channel : null;
}

/** What answers where there is no root channel. */
const noChannel: Channel = {
  exec: () => Promise.reject(new Error("The root channel does not exist.")),
};

/** Waits for Enter at each failure. Other lines are run over the root channel of the first guest that has one. */
export function holdForEnter(
  say: (line: string) => void,
  signal: AbortSignal,
  streams: Streams = { input: process.stdin, output: process.stderr },
): Hold {
  return async (guests, error) => {
    await tell(guests, error, say, "type commands here, they go over its root channel");
    const guest = guests.find((source) => openChannel(source) !== null);
    const channel = guest === undefined ? null : openChannel(guest);
    const more = guest === undefined ? "" : `, or type a command for '${guest.name}'`;
    await runLines({
      ...streams,
      channel: channel ?? noChannel,
      prompt: `Press Enter to end the guest and go on${more}. `,
      signal,
      isLast: (line) => channel === null || line.trim() === "",
    });
  };
}

/** Leaves the guests of a failed step up for a while, or until the run is interrupted. */
export function holdForTime(
  say: (line: string) => void,
  keepMs: number,
  signal: AbortSignal,
): Hold {
  return async (guests, error) => {
    await tell(guests, error, say, "--pause-on-failure takes commands over its root channel");
    say(`  it is kept for ${formatDuration(keepMs)}; Ctrl-C ends it sooner.`);
    await delay(keepMs, undefined, { signal }).catch(() => undefined);
  };
}
