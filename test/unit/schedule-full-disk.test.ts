/** Admission where the other runs on the host cannot be told of it. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { HostShares, Shares } from "../../harness/engine/host-shares.ts";
import { HostBudget } from "../../harness/engine/schedule.ts";
import { cost, isAdmitted } from "./support/host-work.ts";

afterEach(() => {
  vi.useRealTimers();
});

const signal = new AbortController().signal;
const capacity = { memoryMiB: 3000, cpus: 4, diskMiB: 1000 };
type Exchange = HostShares["exchange"];

describe("other runs that cannot be told for want of space", () => {
  const full = new HostUnfit("The disk is full.", {
    cause: Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }),
  });
  const fullDisk = () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    let isFull = true;
    const told: Shares[] = [];
    const exchange: Exchange = async (decide) => {
      const mine = decide([]);
      // Who is let in here waits until the others know.
      await Promise.resolve();
      if (isFull) throw full;
      told.push(mine);
    };
    const host = new HostBudget(capacity, { shares: { exchange } });
    const free = async () => {
      isFull = false;
      await vi.advanceTimersByTimeAsync(1000);
    };
    return { host, told, free };
  };

  test("let nobody begin meanwhile, and everybody who fits afterwards", async () => {
    const { host, told, free } = fullDisk();
    const jobs = [host.take(cost(2000, ["board:a"]), signal), host.take(cost(900), signal)];
    const third = host.take(cost(200), signal);
    expect(await host.takeNow(cost(1), signal)).toBeNull();
    for (const job of [...jobs, third]) expect(await isAdmitted(job)).toBe(false);
    await free();
    await Promise.all(jobs);
    expect(await isAdmitted(third)).toBe(false);
    expect(told.at(-1)?.held).toEqual([cost(2000, ["board:a"]), cost(900)]);
  });

  test("keep nothing for a job that was stopped while they were told", async () => {
    const { host, told, free } = fullDisk();
    const stop = new AbortController();
    const gone = host.take(cost(3000), stop.signal);
    stop.abort(new Error("stopped"));
    await expect(gone).rejects.toThrow("stopped");
    const next = host.take(cost(3000), signal);
    await free();
    const share = await next;
    share[Symbol.dispose]();
    await host[Symbol.asyncDispose]();
    expect(told.at(-1)?.held).toEqual([]);
  });

  test("for a minute are the host's fault, told to each job that waits", async () => {
    const { host } = fullDisk();
    const ends = Promise.allSettled([1, 2].map(() => host.take(cost(1), signal)));
    await vi.advanceTimersByTimeAsync(61_000);
    expect(await ends).toEqual([1, 2].map(() => ({ status: "rejected", reason: full })));
  });
});
