/** A machine whose console shows a menu of GRUB and its editor; what a kernel would say ends it. */
import { appendFileSync } from "node:fs";
import { ConsoleLog } from "../../../harness/machine/console/console-log.ts";
import type { Machine } from "../../../harness/machine/machine.ts";
import { ScriptedGrub, type ScriptedGrubOptions } from "../../simulated/scripted-grub.ts";
import { limits } from "./console.ts";

export interface FakeGrubOptions extends Omit<ScriptedGrubOptions, "say" | "boot"> {
  readonly path: string;
  /** Which of them is chosen at first. Default 1, as on Fedora's media. */
  readonly chosen?: number;
  /** What the kernel says once the edited entry is booted. */
  readonly kernel?: (commandLine: string) => string;
}

export class FakeGrub {
  readonly machine: Machine;
  readonly #path: string;
  readonly #console: ConsoleLog;
  readonly #grub: ScriptedGrub;

  constructor({ path, kernel, ...options }: FakeGrubOptions) {
    this.#path = path;
    this.#console = new ConsoleLog({ ...limits, path, name: "installer" });
    const told = (words: string): string =>
      `[    0.000000] Linux version 7.2\r\n[    0.000000] Command line: BOOT_IMAGE=${words}\r\n`;
    this.#grub = new ScriptedGrub({
      chosen: 1,
      ...options,
      say: (text) => this.say(text),
      boot: (words) =>
        this.say(`\x1b[2J\x1b[1;1H  Booting a command list\r\n\r\n${(kernel ?? told)(words)}`),
    });
    this.#console.attach({
      type: async (text) => {
        for (const key of text) this.#grub.press(key);
      },
    });
    const died = new Promise<never>(() => undefined);
    this.machine = { console: this.#console, died } as unknown as Machine;
    this.say("");
    this.#console.poweredOn();
  }

  /** What the serial port says. */
  say(text: string): void {
    appendFileSync(this.#path, text, "latin1");
    this.#console.feed(Buffer.from(text, "latin1"));
  }

  drawMenu(): void {
    this.#grub.drawMenu();
  }
}
