/** A menu of GRUB, its editor and its prompt, drawn and typed at as the real one is; what it would boot is told. */
import { at, chosenAfter, forms, grubMenu, type MenuForm } from "./grub-menu.ts";

export interface ScriptedGrubOptions {
  readonly titles: readonly string[];
  /** Which of them is chosen at first. Default 0. */
  readonly chosen?: number;
  /** Default boxed. */
  readonly form?: MenuForm;
  /** Lines of each entry in the editor. */
  readonly source: readonly string[];
  /** Loses the key of this number, counted from 1. */
  readonly loses?: number;
  /** Goes to the end of a line without showing it. */
  readonly hidesLineEnd?: boolean;
  /** What the serial port says. */
  readonly say: (text: string) => void;
  /** The words behind `linux`, its variables filled in. */
  readonly boot: (words: string) => void;
}

export class ScriptedGrub {
  readonly #options: ScriptedGrubOptions;
  readonly #lines: string[];
  readonly #variables = new Map<string, string>();
  #chosen: number;
  #line = -1;
  #atEnd = false;
  #keys = 0;
  /** What stands at the prompt; null where it does not show. */
  #prompt: string | null = null;

  constructor(options: ScriptedGrubOptions) {
    this.#options = options;
    this.#chosen = options.chosen ?? 0;
    this.#lines = [...options.source];
  }

  get #form(): MenuForm {
    return this.#options.form ?? "boxed";
  }

  drawMenu(): void {
    this.#options.say(grubMenu(this.#options.titles, this.#chosen, this.#form));
  }

  #drawEditor(): void {
    const { column, columns, row: firstRow } = forms[this.#form];
    let row = firstRow;
    let drawn = "";
    let cursor = at(row, column);
    for (const [index, line] of this.#lines.entries()) {
      const pieces = line.match(new RegExp(`.{1,${columns - 1}}`, "g")) ?? [""];
      for (const [part, piece] of pieces.entries()) {
        const last = part === pieces.length - 1;
        drawn += `${at(row, column)}${(last ? piece : `${piece}\\`).padEnd(columns)}`;
        if (index === this.#line && (this.#atEnd ? last : part === 0))
          cursor = at(row, column + (this.#atEnd ? piece.length : 0));
        row++;
      }
    }
    this.#options.say(`${drawn}${cursor}`);
  }

  /** Takes a key. */
  press(key: string): void {
    this.#keys++;
    if (this.#keys === this.#options.loses) return;
    if (this.#prompt !== null) this.#pressAtPrompt(key, this.#prompt);
    else if (this.#line === -1) this.#pressInMenu(key);
    else this.#pressInEditor(key);
  }

  #pressInMenu(key: string): void {
    this.#chosen = chosenAfter(key, this.#chosen, this.#options.titles.length);
    if (key === "e") {
      this.#line = 0;
      this.#options.say(forms[this.#form].editorFrame);
      this.#drawEditor();
    } else if (key === "c") {
      this.#prompt = "";
      this.#options.say(
        "\x1b[2J\x1b[1;1H   Minimal BASH-like line editing is supported.\r\n\r\ngrub> ",
      );
    } else if (key === "\r") this.#boot();
    else this.drawMenu();
  }

  #pressAtPrompt(key: string, prompt: string): void {
    if (key === "\x1b") {
      this.#prompt = null;
      this.drawMenu();
    } else if (key === "\r") {
      const [, name = "", value = ""] = /^set (\w+)="(.*)"$/.exec(prompt) ?? [];
      if (name !== "") this.#variables.set(name, this.#filled(value));
      this.#prompt = "";
      this.#options.say("\r\ngrub> ");
    } else {
      this.#prompt = prompt + key;
      this.#options.say(key);
    }
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

  #filled(text: string): string {
    return text.replace(
      /\$(?:\{(\w+)\}|(\w+))/g,
      (_, long?: string, short?: string) => this.#variables.get(long ?? short ?? "") ?? "",
    );
  }

  #boot(): void {
    const line = this.#lines.find((text) => /^\s*linux /.test(text)) ?? "";
    this.#options.boot(this.#filled(line.trim().replace(/^linux /, "")));
  }
}
