/** The console: every byte in its file, stages told, and typed at where the machine has `keys`. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { MachineFault } from "../../../harness/base/errors.ts";
import type { Contract } from "./subject.ts";

export function consoleContract({ subject, create, kernel, signal, kernelMs }: Contract) {
  test(
    "the kernel shows on the console and in its file, and what is typed is taken where it has keys",
    async () => {
      await using machine = await create();
      await expect(machine.console.type("x")).rejects.toBeInstanceOf(MachineFault);
      await machine.power.on(signal);
      await kernel(machine);
      expect(machine.console.stages.map(({ stage }) => stage)).toContain("kernel");
      expect(machine.console.tail(50).length).toBeGreaterThan(0);
      const { bytes } = machine.console;
      expect((await readFile(machine.console.path)).length).toBeGreaterThanOrEqual(bytes);
      const typed = machine.console.type("x");
      if (subject().driver.capabilities.has("keys")) await typed;
      else await expect(typed).rejects.toBeInstanceOf(MachineFault);
    },
    2 * kernelMs,
  );

  test("a wait on the console ends with its signal", async () => {
    await using machine = await create();
    const stop = new AbortController();
    const wait = machine.console.reached("ssh", stop.signal);
    stop.abort(new Error("enough"));
    await expect(wait).rejects.toThrow("enough");
  });

  test("stages are told to listeners until they leave", async () => {
    await using machine = await create();
    const heard: string[] = [];
    const leave = machine.console.onStage(({ stage }) => heard.push(stage));
    machine.console.sshAnswered();
    leave();
    machine.console.rebooting();
    machine.console.sshAnswered();
    expect(heard).toEqual(["ssh"]);
  });
}
