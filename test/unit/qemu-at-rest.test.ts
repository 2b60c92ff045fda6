import { expect, test } from "vitest";
import { processorMs, untilAtRest } from "../../harness/machine/qemu/at-rest.ts";

/** `/proc/PID/stat` of a process that has used these clock ticks, half of them in the kernel. */
const stat = (ticks: number): string =>
  `4242 (qemu) x (1) R) S 1 4242 4242 0 -1 4194560 9000 0 12 0 ${ticks / 2} ${ticks / 2} 0 0 20 0 5 0 100 1 1`;

/** Looks at a process that uses a whole processor for `busy` looks and nothing from then on. */
function process(busy: number) {
  let looks = 0;
  const began = performance.now();
  let atRest = 0;
  const readStat = async (): Promise<string> => {
    looks++;
    if (looks <= busy) atRest = (performance.now() - began) / 10;
    return stat(atRest);
  };
  return { readStat, looks: () => looks };
}

const how = { pid: 4242, windowMs: 5, timeoutMs: 5000, signal: new AbortController().signal };

test("processor time is read past a name that holds brackets", () => {
  expect(processorMs(stat(300))).toBe(3000);
  for (const text of ["", "4242 (qemu", "nonsense", "4242 (qemu) S 1"])
    expect(processorMs(text)).toBe(null);
});

test("a guest that is busy is waited for, until it uses next to nothing", async () => {
  const guest = process(6);
  expect(await untilAtRest({ ...how, readStat: guest.readStat })).toBe(true);
  expect(guest.looks()).toBe(7);
});

test("one look is not enough: it knows nothing of what is used now", async () => {
  const guest = process(0);
  expect(await untilAtRest({ ...how, readStat: guest.readStat })).toBe(true);
  expect(guest.looks()).toBe(2);
});

test("a guest that never rests is taken as it is when its time is over", async () => {
  const guest = process(Number.POSITIVE_INFINITY);
  expect(await untilAtRest({ ...how, timeoutMs: 60, readStat: guest.readStat })).toBe(false);
});

test("a process that cannot be seen is not waited for", async () => {
  const readStat = () => Promise.reject(new Error("ENOENT"));
  expect(await untilAtRest({ ...how, readStat })).toBe(false);
});

test("an abort ends the wait with its reason", async () => {
  const stop = new AbortController();
  const waiting = untilAtRest({ ...how, readStat: process(1e9).readStat, signal: stop.signal });
  stop.abort(new Error("stopped by hand"));
  await expect(waiting).rejects.toThrow("stopped by hand");
});
