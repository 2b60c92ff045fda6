/** The one way to wait. Every wait has a name, a budget and a hint, ends on abort, and knows when waiting is useless. */
import { setTimeout as delay } from "node:timers/promises";
import { BootgateError, GuestTooSlow } from "./errors.ts";
import { formatDuration } from "./units.ts";

export interface WaitOptions<T> {
  /** What is waited for, as the end of "Waited for …". */
  readonly what: string;
  /** Looks once. Returns the value when it is there, undefined when not yet. A throw counts as "not yet" unless it is one of bootgate's own errors. */
  readonly probe: (signal: AbortSignal) => Promise<T | undefined>;
  readonly timeoutMs: number;
  /** Asked when the time is over: how many milliseconds more there are; 0 ends the wait. */
  readonly moreMs?: () => number;
  readonly intervalMs?: number;
  /** Where a person should look when it never comes. */
  readonly hint?: string;
  readonly signal: AbortSignal;
  /** Resolves or rejects as soon as waiting is useless; a rejection is thrown as it is. */
  readonly giveUpWhen?: Promise<never>;
  /** The error to throw when time runs out; by default GuestTooSlow. */
  readonly onTimeout?: (facts: { tries: number; lastError: unknown }) => BootgateError;
}

/** Waits for `probe` to return a value. Throws what `giveUpWhen` rejects with, the abort reason, or the timeout error. */
export async function waitFor<T>(options: WaitOptions<T>): Promise<T> {
  const { probe, timeoutMs, intervalMs = 200, signal, giveUpWhen } = options;
  signal.throwIfAborted();
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const facts: { tries: number; lastError: unknown } = { tries: 0, lastError: undefined };
  const poll = async (): Promise<T> => {
    for (;;) {
      facts.tries++;
      try {
        const value = await probe(both);
        if (value !== undefined) return value;
      } catch (error) {
        if (error instanceof BootgateError || both.aborted) throw error;
        facts.lastError = error;
      }
      await delay(intervalMs, undefined, { signal: both });
    }
  };
  const expire = async (): Promise<never> => {
    for (let restMs = timeoutMs; restMs > 0; restMs = options.moreMs?.() ?? 0)
      await delay(restMs, undefined, { signal: both });
    throw options.onTimeout?.(facts) ?? timedOut(options, facts);
  };
  const aborted = async (): Promise<never> => {
    await new Promise((resolve) => both.addEventListener("abort", resolve, { once: true }));
    throw signal.reason;
  };
  const racers = [poll(), expire(), aborted(), ...(giveUpWhen === undefined ? [] : [giveUpWhen])];
  for (const racer of racers) racer.catch(() => undefined);
  try {
    return await Promise.race(racers);
  } finally {
    stop.abort();
  }
}

function timedOut<T>(
  options: WaitOptions<T>,
  facts: { tries: number; lastError: unknown },
): BootgateError {
  const { lastError, tries } = facts;
  return new GuestTooSlow(
    `Waited ${formatDuration(options.timeoutMs)} for ${options.what}; it did not come.`,
    {
      details: {
        "last try": `${lastError instanceof Error ? lastError.message : "not there yet"} (${tries} tries)`,
      },
      ...(options.hint === undefined ? {} : { lookAt: options.hint }),
    },
  );
}
