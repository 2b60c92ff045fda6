/** When work begins: a place among what may run at once, and a share of the host. */
import { describe, expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { Admission } from "../../harness/engine/admission.ts";
import { budget, cost } from "./support/host-work.ts";

const { signal } = new AbortController();

describe("admission", () => {
  const wish = (of: ReturnType<typeof cost>, priority = 0) => ({ cost: of, priority, signal });
  const played = (begun: string[], name: string) => async (share: Disposable) => {
    using _share = share;
    begun.push(name);
    await new Promise((resolve) => setImmediate(resolve));
  };

  test("who waits for the host keeps nobody who fits from beginning", async () => {
    const host = budget();
    const board = await host.take(cost(1, ["board:a"]), signal);
    const admission = new Admission(2, host);
    const begun: string[] = [];
    const waiting = ["one", "two"].map((name) =>
      admission.run(wish(cost(1, ["board:a"])), played(begun, name)),
    );
    await Promise.all(
      ["three", "four"].map((name) => admission.run(wish(cost(1)), played(begun, name))),
    );
    expect(begun).toEqual(["three", "four"]);
    board[Symbol.dispose]();
    await Promise.all(waiting);
    expect(begun.slice(0, 2)).toEqual(["three", "four"]);
    expect(begun).toHaveLength(4);
  });

  test("no more runs at once than may, and who has its share at last comes first", async () => {
    const host = budget();
    const admission = new Admission(1, host);
    const first = await host.take(cost(3000), signal);
    const begun: string[] = [];
    let running = 0;
    const alone = (name: string) => async (share: Disposable) => {
      using _share = share;
      expect(++running).toBe(1);
      begun.push(name);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    };
    const large = admission.run(wish(cost(3000), 9), alone("large"));
    const others = [admission.run(wish(cost(0), 5), alone("small")), large];
    first[Symbol.dispose]();
    others.push(admission.run(wish(cost(0), 1), alone("last")));
    await Promise.all(others);
    expect(begun.indexOf("large")).toBeLessThan(begun.indexOf("last"));
  });

  test("what waits holds nothing of the host: another run may have it", async () => {
    const host = budget();
    const admission = new Admission(1, host);
    const whole = await host.take(cost(3000), signal);
    let held = 0;
    let most = 0;
    const runs = Array.from({ length: 6 }, () =>
      admission.run(wish(cost(500)), async (share) => {
        using _share = share;
        most = Math.max(most, ++held);
        // With one at work, the others' room is there for another run.
        await new Promise((resolve) => setImmediate(resolve));
        const other = await host.takeNow(cost(2500), signal);
        expect(other).not.toBeNull();
        other?.[Symbol.dispose]();
        held--;
      }),
    );
    whole[Symbol.dispose]();
    await Promise.all(runs);
    expect(most).toBe(1);
  });

  test.each([2, 3, 4])(
    "who needs the whole host is passed over a few times and not without end, with %d at once",
    async (parallel) => {
      const admission = new Admission(parallel, budget());
      const begun: string[] = [];
      const brief = (name: string) => async (share: Disposable) => {
        using _share = share;
        begun.push(name);
        await new Promise((resolve) => setTimeout(resolve, 1 + (begun.length % 3)));
      };
      const all = [
        admission.run(wish(cost(1000), 9), brief("first")),
        admission.run(wish(cost(3000), 8), brief("whole")),
        ...Array.from({ length: 40 }, (_, at) => admission.run(wish(cost(1000)), brief(`${at}`))),
      ];
      await Promise.all(all);
      expect(begun).toHaveLength(42);
      expect(begun.indexOf("whole")).toBeLessThan(10);
    },
  );

  test("what was promised to somebody who is stopped is free again", async () => {
    const host = budget();
    const stop = new AbortController();
    const holder = await host.take(cost(3000), signal);
    const place = host.place(cost(3000), stop.signal);
    const room = place.untilRoom();
    for (let passing = 0; passing < 4; passing++)
      (await host.take(cost(0), signal))[Symbol.dispose]();
    holder[Symbol.dispose]();
    await room;
    expect(await host.takeNow(cost(1), signal), "it is promised").toBeNull();
    place[Symbol.dispose]();
    expect(await host.takeNow(cost(1), signal)).not.toBeNull();
  });

  test("what can never fit, and what is stopped while it waits, is told", async () => {
    const host = budget();
    const admission = new Admission(1, host);
    const never = async (): Promise<never> => expect.unreachable();
    await expect(admission.run(wish(cost(9000)), never)).rejects.toThrow(HostUnfit);
    using _first = await host.take(cost(3000), signal);
    const stop = new AbortController();
    const stopped = admission.run({ ...wish(cost(3000)), signal: stop.signal }, never);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
  });
});
