/** Admission by memory, processors, disk and locks. */
import { describe, expect, test } from "vitest";
import { HostBudget } from "../../harness/engine/schedule.ts";

const signal = new AbortController().signal;
const cost = (memoryMiB: number, locks: string[] = []) => ({
  memoryMiB,
  cpus: 1,
  diskMiB: 10,
  locks,
});
const budget = () => new HostBudget({ memoryMiB: 3000, cpus: 4, diskMiB: 1000 });

async function isAdmitted(take: Promise<unknown>): Promise<boolean> {
  const tick = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([take.then(() => true as const), tick]);
}

describe("host budget", () => {
  test("holds back what does not fit until something is given back", async () => {
    const host = budget();
    const first = await host.take(cost(2000), signal);
    const second = host.take(cost(2000), signal);
    expect(await isAdmitted(second)).toBe(false);
    first[Symbol.dispose]();
    expect(await isAdmitted(second)).toBe(true);
  });

  test("refuses at once what can never fit, and says what there is", async () => {
    await expect(budget().take(cost(9000), signal)).rejects.toThrow(
      "needs 9000 MiB of memory and the host has 3000 MiB",
    );
    await expect(budget().take({ ...cost(1), diskMiB: 5000 }, signal)).rejects.toThrow(
      "5000 MiB of disk and 1000 MiB are free",
    );
  });

  test("gives a lock to one at a time", async () => {
    const host = budget();
    const first = await host.take(cost(1, ["board:a"]), signal);
    const second = host.take(cost(1, ["board:a"]), signal);
    expect(await isAdmitted(second)).toBe(false);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(await isAdmitted(second)).toBe(true);
  });

  test("a waiter that is aborted leaves the queue", async () => {
    const host = budget();
    const first = await host.take(cost(3000), signal);
    const stop = new AbortController();
    const second = host.take(cost(3000), stop.signal);
    stop.abort(new Error("stopped"));
    await expect(second).rejects.toThrow("stopped");
    const third = host.take(cost(3000), signal);
    first[Symbol.dispose]();
    expect(await isAdmitted(third)).toBe(true);
  });
});
