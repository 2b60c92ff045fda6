/** Power: on, off, on again, reset, and which ends of a machine are deaths. */
import { expect, test } from "vitest";
import { BootFailed, MachineFault } from "../../../harness/base/errors.ts";
import type { Contract } from "./subject.ts";

export function powerContract({ subject, create, kernel, signal, kernelMs, offMs }: Contract) {
  const long = 4 * kernelMs + offMs;

  test(
    "power goes on twice and off twice, and what is told to go off has not died",
    async () => {
      await using machine = await create();
      let died: unknown = null;
      machine.died.catch((error: unknown) => {
        died = error;
      });
      // Off is what it is now.
      await machine.waitForOff(signal);
      await machine.power.on(signal);
      await machine.power.on(signal);
      await kernel(machine);
      const off = machine.waitForOff(signal);
      await machine.power.off(signal);
      await off;
      await machine.power.off(signal);
      await machine.power.on(signal);
      await kernel(machine);
      machine.console.rebooting();
      await machine.power.reset(signal);
      await kernel(machine);
      await machine.power.off(signal);
      expect(died).toBeNull();
    },
    long,
  );

  test(
    "a guest that switches itself off while that is waited for has done nothing wrong",
    async () => {
      await using machine = await create();
      await machine.power.on(signal);
      await kernel(machine);
      const ends: unknown[] = [];
      for (const end of [machine.died, machine.console.fatal])
        end.catch((error: unknown) => ends.push(error));
      const off = machine.waitForOff(AbortSignal.timeout(offMs));
      await subject().guestSwitchesOff(machine);
      await off;
      await machine.waitForOff(signal);
      expect(ends).toEqual([]);
    },
    long,
  );

  test(
    "one that does so unasked is told as an end of its boot, and not as a death",
    async () => {
      await using machine = await create();
      await machine.power.on(signal);
      await kernel(machine);
      await subject().guestSwitchesOff(machine);
      const end = await Promise.race([machine.console.fatal, machine.died]).catch(
        (error: unknown) => error,
      );
      expect(end).toBeInstanceOf(BootFailed);
      expect(end).toMatchObject({ pattern: "powered-off" });
      await machine.waitForOff(AbortSignal.timeout(offMs));
    },
    long,
  );

  test(
    "a machine that dies is not one that went off",
    async () => {
      await using machine = await create();
      await machine.power.on(signal);
      const off = machine.waitForOff(AbortSignal.timeout(offMs));
      off.catch(() => undefined);
      await subject().kill(machine);
      await expect(machine.died).rejects.toBeInstanceOf(MachineFault);
      await expect(off).rejects.toBeInstanceOf(MachineFault);
      await expect(machine.waitForOff(signal)).rejects.toBeInstanceOf(MachineFault);
    },
    long,
  );

  test(
    "a wait for its end ends with its signal",
    async () => {
      await using machine = await create();
      await machine.power.on(signal);
      const stop = new AbortController();
      const wait = machine.waitForOff(stop.signal);
      stop.abort(new Error("enough"));
      await expect(wait).rejects.toThrow("enough");
    },
    long,
  );
}
