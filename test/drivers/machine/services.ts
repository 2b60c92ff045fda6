/** Services of the host: an address at which guests find them, from a driver that says that it has `services`, and from no other. */
import { expect, test } from "vitest";
import type { Contract } from "./subject.ts";

export function servicesContract({ subject, create, kernel, signal, kernelMs }: Contract): void {
  test("a driver tells where its guests find the harness exactly where it says that they do", () => {
    const { registry, capabilities } = subject().driver;
    expect(registry !== null).toBe(capabilities.has("services"));
    if (registry === null) return;
    expect(registry.address).toMatch(/./);
    expect(registry.port).toBeGreaterThan(0);
  });

  test(
    "a machine starts with a forward to the host at that address",
    async () => {
      const { registry } = subject().driver;
      if (registry === null) return;
      const forward = {
        guestAddress: registry.address,
        guestPort: registry.port,
        hostPort: 9,
      };
      await using machine = await create({ forwards: [forward] });
      await machine.power.on(signal);
      await kernel(machine);
      expect(machine.spec.forwards).toEqual([forward]);
    },
    2 * kernelMs,
  );
}
