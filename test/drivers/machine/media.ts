/** What a machine boots from: sectors it says it can have, disks and media beside the first, and an image that is never written to. */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Disk } from "../../../harness/machine/machine.ts";
import type { Contract } from "./subject.ts";

export function mediaContract({
  subject,
  create,
  folder,
  kernel,
  signal,
  kernelMs,
}: Contract): void {
  test("a driver names the sectors that its machines boot from, 512 bytes among them", () => {
    const { driver, spec } = subject();
    const sizes = driver.sectorBytes(spec.firmware);
    expect(sizes).toContain(512);
    expect(sizes.filter((size) => size !== 512 && size !== 4096)).toEqual([]);
  });

  test(
    "the disk of an image is as it was after a machine has run from it",
    async () => {
      const [disk] = subject().spec.disks;
      if (disk?.kind !== "overlay") return;
      const identity = async () => {
        const { size, mtimeMs } = await stat(disk.backingFile);
        return [size, mtimeMs];
      };
      const before = await identity();
      await using machine = await create();
      await machine.power.on(signal);
      await kernel(machine);
      await machine.power.off(signal);
      expect(await identity()).toEqual(before);
    },
    2 * kernelMs,
  );

  test.each(["more-disks", "removable-media"] as const)(
    "a machine with the capability '%s' starts with what that is",
    async (capability) => {
      const { driver, spec } = subject();
      if (!driver.capabilities.has(capability)) return;
      const path = join(await folder(), "medium.iso");
      await writeFile(path, Buffer.alloc(64 * 2048));
      const more: Disk =
        capability === "more-disks"
          ? { kind: "blank", sizeMiB: 16 }
          : { kind: "iso", path, contentDigest: `sha256:${"e".repeat(64)}` };
      await using machine = await create({ disks: [...spec.disks, more] });
      await machine.power.on(signal);
      await kernel(machine);
      expect((await stat(path)).size).toBe(64 * 2048);
    },
    2 * kernelMs,
  );
}
