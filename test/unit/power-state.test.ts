/** How a machine comes to be off: who is told what, and who no longer waits. */
import { expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { PowerState } from "../../harness/machine/power-state.ts";

const { signal } = new AbortController();

test("a machine that is off need not be waited for, one that is on is waited for until it is off", async () => {
  const state = new PowerState();
  await state.waitForOff(signal);
  state.turnedOn();
  const off = state.waitForOff(signal);
  expect([state.isOn, state.isOffAwaited]).toEqual([true, true]);
  state.turnedOff();
  await off;
  expect([state.isOn, state.isOffAwaited]).toEqual([false, false]);
});

test("its death ends the wait with the fault, before and after", async () => {
  const state = new PowerState();
  state.turnedOn();
  const off = state.waitForOff(signal);
  const fault = new MachineFault("died");
  state.die(fault);
  state.turnedOff();
  await expect(off).rejects.toBe(fault);
  await expect(state.waitForOff(signal)).rejects.toBe(fault);
  await expect(state.died).rejects.toBe(fault);
});

test("who has given up no longer makes the guest's end an expected one", async () => {
  const state = new PowerState();
  state.turnedOn();
  const stop = new AbortController();
  const off = state.waitForOff(stop.signal);
  stop.abort(new Error("enough"));
  await expect(off).rejects.toThrow("enough");
  expect(state.isOffAwaited).toBe(false);
  await expect(state.waitForOff(stop.signal)).rejects.toThrow("enough");
});
