/** What a person may do at a failure: the guest stays up, the terminal says how to get in, and the step goes on later. */
import { createInterface } from "node:readline/promises";
import { setTimeout as delay } from "node:timers/promises";
import { reportError } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { cacheRoot } from "../../base/workspace.ts";
import type { EvidenceSource } from "../../engine/evidence.ts";
import type { Hold } from "../../engine/failure.ts";

async function tell(
  guests: readonly EvidenceSource[],
  error: unknown,
  say: (line: string) => void,
): Promise<void> {
  say(`Failed: ${reportError(error).headline}`);
  for (const { name, machine } of guests) {
    const address = await machine.sshAddress(AbortSignal.timeout(1000)).catch(() => null);
    if (address === null) continue;
    say(
      `  guest '${name}': ssh -i ${cacheRoot()}/ssh/id_ed25519 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p ${address.port} root@${address.host}`,
    );
    say(`  its console: ${machine.console.path}`);
  }
}

/** Waits for Enter at each failure. */
export function holdForEnter(say: (line: string) => void, signal: AbortSignal): Hold {
  return async (guests, error) => {
    await tell(guests, error, say);
    using terminal = closing(createInterface({ input: process.stdin, output: process.stderr }));
    await terminal.question("Press Enter to end the guest and go on. ", { signal }).catch(() => "");
  };
}

function closing<T extends { close(): void }>(terminal: T): T & Disposable {
  return Object.assign(terminal, { [Symbol.dispose]: () => terminal.close() });
}

/** Leaves the guests of a failed step up for a while, or until the run is interrupted. */
export function holdForTime(
  say: (line: string) => void,
  keepMs: number,
  signal: AbortSignal,
): Hold {
  return async (guests, error) => {
    await tell(guests, error, say);
    say(`  it is kept for ${formatDuration(keepMs)}; Ctrl-C ends it sooner.`);
    await delay(keepMs, undefined, { signal }).catch(() => undefined);
  };
}
