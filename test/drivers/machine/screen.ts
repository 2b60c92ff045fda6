/** The display: a picture of what it shows, from a machine that says that it has `screenshot`, and from no other. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Contract } from "./subject.ts";

const pngStart = Buffer.from("89504e470d0a1a0a", "hex");

export function screenContract({ subject, create, folder, signal, kernelMs }: Contract) {
  test(
    "a machine has a display exactly where its driver says so, and a picture of it is a PNG",
    async () => {
      await using machine = await create();
      expect(machine.screen !== null).toBe(subject().driver.capabilities.has("screenshot"));
      if (machine.screen === null) return;
      await machine.power.on(signal);
      const path = join(await folder(), "picture.png");
      await machine.screen.screenshot(path, signal);
      expect((await readFile(path)).subarray(0, 8)).toEqual(pngStart);
      const picture = await machine.screen.picture?.(signal);
      if (picture !== undefined && picture !== null) expect(picture.width).toBeGreaterThan(0);
    },
    kernelMs,
  );
}
