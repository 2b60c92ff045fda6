/** Waiting for a guest by its root channel: by the event of its port, without a question that the guest may not be able to answer. */
import { BootgateError } from "../../base/errors.ts";
import type { Machine } from "../../machine/machine.ts";
import { beginClock } from "../clock.ts";
import { askBoot, type Reached } from "../reached.ts";
import type { RootChannel } from "./root-channel.ts";

export interface AwaitChannelOptions {
  readonly channel: RootChannel;
  readonly name: string;
  readonly lookAt: string;
  readonly timeScale: number;
  readonly signal: AbortSignal;
  readonly start: Machine["start"];
  /** False says that it is not the boot waited for. */
  readonly accept?: ((reached: Reached) => Promise<boolean>) | undefined;
}

/** For one question; a guest that has just come up is busy. Milliseconds, scaled. */
const askMs = 10_000;
/** Until a boot that is about to end is asked again. Milliseconds, scaled. */
const againMs = 1000;

/** Returns once the right boot answers. Ends by the abort reason, or by what `accept` throws of bootgate's own errors. */
export async function awaitChannel(options: AwaitChannelOptions): Promise<Reached> {
  const { channel, name, lookAt, signal, accept } = options;
  const scale = Math.max(1, options.timeScale);
  for (;;) {
    signal.throwIfAborted();
    if (!channel.isOpen) {
      await channel.changes(signal);
      continue;
    }
    try {
      const asking = { name, lookAt, timeoutMs: askMs * scale, signal };
      const reached = await askBoot(channel, asking);
      if (accept === undefined || (await accept(reached))) {
        const isSet = channel.clock?.bootId === reached.bootId;
        if (options.start === "fork" && !isSet) beginClock(channel, reached.bootId, scale);
        return reached;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BootgateError) throw error;
    }
    await channel.changes(AbortSignal.any([signal, AbortSignal.timeout(againMs * scale)]));
  }
}
