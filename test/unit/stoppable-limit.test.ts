import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startLimit } from "../../harness/base/stoppable-limit.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const limitOf = (ms: number) => startLimit(ms, () => new Error("too long"), Date.now);

test("is up after its time", () => {
  using limit = limitOf(1000);
  vi.advanceTimersByTime(999);
  expect(limit.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(limit.signal.reason).toEqual(new Error("too long"));
});

test("stands still while anything pauses it, and goes on where it stood", () => {
  using limit = limitOf(1000);
  vi.advanceTimersByTime(400);
  const [first, second] = [limit.pause(), limit.pause()];
  vi.advanceTimersByTime(60_000);
  first();
  first();
  vi.advanceTimersByTime(60_000);
  expect(limit.signal.aborted).toBe(false);
  second();
  vi.advanceTimersByTime(599);
  expect(limit.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(limit.signal.aborted).toBe(true);
});

test("that is over is not started again by a pause that ends", () => {
  const limit = limitOf(1000);
  const end = limit.pause();
  limit[Symbol.dispose]();
  end();
  vi.advanceTimersByTime(5000);
  expect(limit.signal.aborted).toBe(false);
});
