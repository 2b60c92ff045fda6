/** Admission by memory, processors, disk and locks. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { costOfGuests } from "../../harness/engine/host-capacity.ts";
import type { HostShares, Shares } from "../../harness/engine/host-shares.ts";
import { HostBudget } from "../../harness/engine/schedule.ts";
import { budget, cost, isAdmitted } from "./support/host-work.ts";

afterEach(() => {
  vi.useRealTimers();
});

const signal = new AbortController().signal;

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
      "needs 9000 MiB of memory for its guests and the host has 3000 MiB",
    );
    await expect(budget().take({ ...cost(1), diskMiB: 5000 }, signal)).rejects.toThrow(
      "5000 MiB of disk for its guests and 1000 MiB are free",
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

describe("who cannot start yet", () => {
  test("does not hold up those behind who can", async () => {
    const host = budget();
    const first = await host.take(cost(2000), signal);
    const large = host.take(cost(2500), signal);
    const small = await host.take(cost(500), signal);
    expect(await isAdmitted(large)).toBe(false);
    first[Symbol.dispose]();
    small[Symbol.dispose]();
    expect(await isAdmitted(large)).toBe(true);
  });

  test("is passed over four times and then has its turn", async () => {
    const host = budget();
    const first = await host.take(cost(2000), signal);
    const large = host.take(cost(2500), signal);
    for (let passing = 0; passing < 4; passing++) {
      const small = await host.take(cost(500), signal);
      small[Symbol.dispose]();
    }
    const late = host.take(cost(500), signal);
    expect(await isAdmitted(late)).toBe(false);
    first[Symbol.dispose]();
    expect(await isAdmitted(large)).toBe(true);
    expect(await isAdmitted(late)).toBe(true);
  });

  test("is not passed over any more when it has waited five minutes", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const host = budget();
    const first = await host.take(cost(2000), signal);
    const large = host.take(cost(2500), signal);
    vi.setSystemTime(Date.now() + 300_000);
    expect(await isAdmitted(host.take(cost(500), signal))).toBe(false);
    first[Symbol.dispose]();
    expect(await isAdmitted(large)).toBe(true);
  });

  test("for a lock keeps its place for that lock, and keeps nobody else waiting however long it takes", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const host = budget();
    const holder = await host.take(cost(1, ["board:a"]), signal);
    const second = host.take(cost(2500, ["board:a"]), signal);
    const third = host.take(cost(1, ["board:a"]), signal);
    vi.setSystemTime(Date.now() + 300_000);
    for (let passing = 0; passing < 10; passing++) {
      const other = await host.take(cost(2000, ["board:b"]), signal);
      other[Symbol.dispose]();
    }
    holder[Symbol.dispose]();
    expect(await isAdmitted(second)).toBe(true);
    expect(await isAdmitted(third)).toBe(false);
  });

  test("and can never start is told so although others wait before it", async () => {
    const host = budget();
    await host.take(cost(3000), signal);
    const waits = host.take(cost(3000), signal);
    await expect(host.take(cost(9000), signal)).rejects.toThrow("needs 9000 MiB");
    expect(await isAdmitted(waits)).toBe(false);
  });
});

describe("a story with several guests", () => {
  test("costs what all of them take, and holds a lock once", () => {
    expect(costOfGuests(cost(700, ["board:a"]), 2)).toEqual({
      memoryMiB: 1400,
      cpus: 2,
      diskMiB: 20,
      locks: ["board:a"],
    });
  });
});

describe("other runs on this host", () => {
  type Exchange = HostShares["exchange"];
  const capacity = { memoryMiB: 3000, cpus: 4, diskMiB: 1000 };
  const runWith = (others: () => Shares[]) => {
    const told: Shares[] = [];
    const exchange: Exchange = async (decide) => void told.push(decide(others()));
    return { host: new HostBudget(capacity, { shares: { exchange } }), told };
  };

  test("hold memory and locks too, and are asked again until they give them back", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let theirs = [cost(2000, ["board:a"])];
    const { host } = runWith(() => [{ capacity, held: theirs, wished: [] }]);
    const board = host.take(cost(1, ["board:a"]), signal);
    const large = host.take(cost(1500), signal);
    const small = await host.take(cost(500), signal);
    expect([await isAdmitted(board), await isAdmitted(large)]).toEqual([false, false]);
    theirs = [];
    await vi.advanceTimersByTimeAsync(1000);
    await Promise.all([board, large]);
    small[Symbol.dispose]();
  });

  test("that found more to give, before anything was held, are believed", async () => {
    const rich = { ...capacity, memoryMiB: 8000 };
    const { host, told } = runWith(() => [{ capacity: rich, held: [cost(2000)], wished: [] }]);
    await host.take(cost(6000), signal);
    expect(told.at(-1)).toMatchObject({ capacity, held: [{ memoryMiB: 6000 }] });
    await expect(host.take(cost(8001), signal)).rejects.toThrow("the host has 8000 MiB");
  });

  test("that found more and have given all back are still believed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const rich = { ...capacity, memoryMiB: 8000 };
    let others: Shares[] = [{ capacity: rich, held: [cost(7000)], wished: [] }];
    const { host } = runWith(() => others);
    const large = host.take(cost(6000), signal);
    expect(await isAdmitted(large)).toBe(false);
    others = [];
    await vi.advanceTimersByTimeAsync(1000);
    await large;
  });

  test("that were not seen leave a host that is measured again before anything is refused", async () => {
    const measured = vi.fn(async () => ({ ...capacity, memoryMiB: 8000 }));
    const host = new HostBudget(capacity, { measure: measured });
    const share = await host.take(cost(6000), signal);
    expect(measured).toHaveBeenCalledTimes(1);
    // While somebody holds a share nobody knows what the host has in all.
    const large = host.take(cost(8500), signal);
    large.catch(() => undefined);
    expect(await isAdmitted(large)).toBe(false);
    expect(await host.takeNow(cost(8500), signal)).toBeNull();
    share[Symbol.dispose]();
    await expect(large).rejects.toThrow("the host has 8000 MiB");
    await expect(host.take(cost(9000), signal)).rejects.toThrow("the host has 8000 MiB");
    await expect(host.takeNow(cost(9000), signal)).rejects.toThrow("the host has 8000 MiB");
  });

  test("that have waited too long are let in first, whatever comes later here", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let wished = [{ cost: cost(2900), since: Date.now() - 1000 }];
    const { host } = runWith(() => [{ capacity, held: [cost(10)], wished }]);
    const small = host.take(cost(500), signal);
    expect(await isAdmitted(small)).toBe(false);
    wished = [];
    await vi.advanceTimersByTimeAsync(1000);
    await small;
  });

  const inContainer = (group: string, memoryMiB: number) => ({
    ...capacity,
    memoryMiB: 60_000,
    own: { group, memoryMiB, cpus: 4 },
  });
  const budgetIn = (own: ReturnType<typeof inContainer>, others: Shares[]) => {
    const exchange: Exchange = async (decide) => void decide(others);
    return new HostBudget(own, { shares: { exchange } });
  };

  test("in a larger container do not lend this one what its own does not have", async () => {
    const rich = { capacity: inContainer("a/1", 50_000), held: [cost(20_000)], wished: [] };
    const host = budgetIn(inContainer("b/2", 3000), [rich]);
    await expect(host.take(cost(4000), signal)).rejects.toThrow("the host has 3000 MiB");
    // What the other holds is not of this container.
    using _own = await host.take(cost(2500), signal);
    expect(await host.takeNow(cost(600), signal)).toBeNull();
  });

  test("in the same container share its limit, and what was found there first counts", async () => {
    const same = { capacity: inContainer("b/2", 3000), held: [cost(2000)], wished: [] };
    const host = budgetIn(inContainer("b/2", 800), [same]);
    expect(await host.takeNow(cost(1200), signal)).toBeNull();
    expect(await host.takeNow(cost(900), signal)).not.toBeNull();
  });

  test("in another container share the host all the same", async () => {
    const rich = { capacity: inContainer("a/1", 59_000), held: [cost(58_000)], wished: [] };
    expect(await budgetIn(inContainer("b/2", 3000), [rich]).takeNow(cost(2500), signal)).toBeNull();
  });

  test("begin nothing beside one whose share cannot be read", async () => {
    let others: Shares[] | null = null;
    const exchange: Exchange = async (decide) => void decide(others);
    const host = new HostBudget(capacity, { shares: { exchange } });
    expect(await host.takeNow(cost(1), signal)).toBeNull();
    others = [];
    expect(await host.takeNow(cost(1), signal)).not.toBeNull();
  });

  test("that cannot be asked are the host's fault, told to the job that waits", async () => {
    const exchange: Exchange = async () => {
      throw new HostUnfit("The file cannot be locked.");
    };
    const host = new HostBudget(capacity, { shares: { exchange } });
    await expect(host.take(cost(1), signal)).rejects.toThrow("cannot be locked");
  });
});
