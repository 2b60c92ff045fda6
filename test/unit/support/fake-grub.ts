/** A machine whose console shows a menu of GRUB and its editor, drawn and typed at as the real one is; what a kernel would say ends it. */
import { appendFileSync } from "node:fs";
import { ConsoleLog } from "../../../harness/machine/console/console-log.ts";
import type { Machine } from "../../../harness/machine/machine.ts";
import { at, chosenAfter, grubFrame, grubMenu, menuColumns } from "../../simulated/grub-menu.ts";
import { limits } from "./console.ts";

export interface FakeGrubOptions {
  readonly path: string;
  readonly titles: readonly string[];
  /** Which of them is chosen at first. Default 1, as on Fedora's media. */
  readonly chosen?: number;
  /** Lines of each entry in the editor. */
  readonly source: readonly string[];
  /** Loses the key of this number, counted from 1. */
  readonly loses?: number;
  /** Goes to the end of a line without showing it. */
  readonly hidesLineEnd?: boolean;
  /** What the kernel says once the edited entry is booted. */
  readonly kernel?: (commandLine: string) => string;
}

export class FakeGrub {
  readonly machine: Machine;
  readonly #options: FakeGrubOptions;
  readonly #console: ConsoleLog;
  readonly #lines: string[];
  #chosen: number;
  #line = -1;
  #atEnd = false;
  #keys = 0;

  constructor(options: FakeGrubOptions) {
    this.#options = options;
    this.#chosen = options.chosen ?? 1;
    this.#lines = [...options.source];
    this.#console = new ConsoleLog({ ...limits, path: options.path, name: "installer" });
    this.#console.attach({
      type: async (text) => {
        for (const key of text) this.#press(key);
      },
    });
    const died = new Promise<never>(() => undefined);
    this.machine = { console: this.#console, died } as unknown as Machine;
    this.say("");
    this.#console.poweredOn();
  }

  /** What the serial port says. */
  say(text: string): void {
    appendFileSync(this.#options.path, text, "latin1");
    this.#console.feed(Buffer.from(text, "latin1"));
  }

  drawMenu(): void {
    this.say(grubMenu(this.#options.titles, this.#chosen));
  }

  #drawEditor(): void {
    let row = 4;
    let drawn = "";
    let cursor = at(4, 2);
    for (const [index, line] of this.#lines.entries()) {
      const pieces = line.match(new RegExp(`.{1,${menuColumns - 1}}`, "g")) ?? [""];
      for (const [part, piece] of pieces.entries()) {
        const last = part === pieces.length - 1;
        drawn += `${at(row, 2)}${(last ? piece : `${piece}\\`).padEnd(menuColumns)}`;
        if (index === this.#line && (this.#atEnd ? last : part === 0))
          cursor = at(row, 2 + (this.#atEnd ? piece.length : 0));
        row++;
      }
    }
    this.say(`${drawn}${cursor}`);
  }

  #press(key: string): void {
    this.#keys++;
    if (this.#keys === this.#options.loses) return;
    if (this.#line === -1) this.#pressInMenu(key);
    else this.#pressInEditor(key);
  }

  #pressInMenu(key: string): void {
    this.#chosen = chosenAfter(key, this.#chosen, this.#options.titles.length);
    if (key === "e") {
      this.#line = 0;
      this.say(grubFrame());
      this.#drawEditor();
    } else this.drawMenu();
  }

  #pressInEditor(key: string): void {
    if (key === "\x18") this.#boot();
    else {
      if (key === "\x0e") this.#line++;
      else if (key === "\x05") this.#atEnd = true;
      else if (this.#atEnd) this.#lines[this.#line] += key;
      if (key !== "\x05" || this.#options.hidesLineEnd !== true) this.#drawEditor();
    }
  }

  #boot(): void {
    const line = this.#lines.find((text) => /^\s*linux /.test(text)) ?? "";
    const words = line.trim().replace(/^linux /, "");
    const told = `[    0.000000] Linux version 7.2\r\n[    0.000000] Command line: BOOT_IMAGE=${words}\r\n`;
    const said = this.#options.kernel?.(words) ?? told;
    this.say(`\x1b[2J\x1b[1;1H  Booting a command list\r\n\r\n${said}`);
  }
}
