/** The network: an address at which the guest's sshd will be, from a machine that says that it has `network`, and from no other. */
import { expect, test } from "vitest";
import type { Contract } from "./subject.ts";

export function networkContract({ subject, create, signal, kernelMs }: Contract): void {
  test(
    "a machine has an address for SSH exactly where its driver says so, and keeps it while it is on",
    async () => {
      await using machine = await create();
      const { sshAddress } = machine;
      expect(sshAddress !== undefined).toBe(subject().driver.capabilities.has("network"));
      if (sshAddress === undefined) return;
      await machine.power.on(signal);
      const address = await machine.sshAddress?.(signal);
      expect(address?.host).toMatch(/./);
      expect(address?.port).toBeGreaterThan(0);
      expect(await machine.sshAddress?.(signal)).toEqual(address);
    },
    kernelMs,
  );
}
