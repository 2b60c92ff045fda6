/**
 * Starts an installer as a person at a serial terminal would: waits for the menu of the ISO's own GRUB, opens the entry in its
 * editor, types behind the line that starts the kernel, and boots that. Each key waits until the screen shows what the one
 * before it did; a keyboard of a BIOS keeps fifteen keys, and what comes beyond is lost.
 */
import { CannotTell } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { waitFor } from "../../base/wait.ts";
import { timeProves } from "../../machine/console/console.ts";
import { FileFollower } from "../../machine/console/console-follower.ts";
import {
  type EditorLine,
  entryOf,
  type GrubMenu,
  kernelLine,
  readEditor,
  readMenu,
} from "../../machine/console/grub-screen.ts";
import { keys } from "../../machine/console/keys.ts";
import { TerminalScreen } from "../../machine/console/terminal-screen.ts";
import type { Machine } from "../../machine/machine.ts";
import { stageLimitsMs } from "./installer-stages.ts";

export interface LoaderTyping {
  /** How the ISO is called in messages. */
  readonly name: string;
  /** Title of the entry; null: the first one. */
  readonly entry: string | null;
  /** What is typed behind the entry's own words. */
  readonly words: readonly string[];
  /** How much slower the host is than hardware. */
  readonly scale: number;
  readonly signal: AbortSignal;
}

export interface Typed {
  /** Title of the entry that was started, as the menu shows it. */
  readonly entry: string;
  /** Title of the one that would have been started by itself. */
  readonly usual: string;
}

/** Until one key shows. Milliseconds, scaled by the host's slowness. */
const keyMs = 10_000;
const lookMs = 100;
/** Keys that are typed before the screen has to show them. */
const atOnce = 12;
const consoleBytes = 64 * 1024 * 1024;

/**
 * Types and boots; returns once the kernel has told that it got each word. Throws CannotTell where no menu comes, where the menu
 * or its editor is not as expected, and where a word is lost; what the console or the machine ends with meanwhile is thrown as it is.
 */
export async function typeAtLoader(machine: Machine, typing: LoaderTyping): Promise<Typed> {
  await using terminal = openTerminal(machine, typing);
  const menu = await terminal.until(
    "its menu",
    stageLimitsMs.firmware + stageLimitsMs.loader,
    (screen) => {
      const shown = readMenu(screen);
      return shown !== null && (typing.entry === null || entryOf(shown, typing.entry) !== -1)
        ? shown
        : undefined;
    },
  );
  const { titles, chosen } = await choose(terminal, menu, typing.entry);
  await terminal.type("e");
  const lines = await terminal.until(
    "the editor of its entry",
    keyMs,
    (screen) => readEditor(screen) ?? undefined,
  );
  await goToKernelLine(terminal, lines);
  await typeWords(terminal, typing.words);
  await terminal.type(keys.bootEdited);
  await terminal.until("the kernel's own words about its command line", stageLimitsMs.loader, () =>
    terminal.kernelGot(typing.words),
  );
  return { entry: titles[chosen] ?? "", usual: titles[menu.chosen] ?? "" };
}

interface Terminal extends AsyncDisposable {
  readonly type: (text: string) => Promise<void>;
  /** Waits until `look` sees something. */
  until<T>(
    what: string,
    limitMs: number,
    look: (screen: TerminalScreen) => T | undefined,
  ): Promise<T>;
  /** True once the kernel has told its command line with each of the words; throws CannotTell where one is not there. */
  kernelGot(words: readonly string[]): true | undefined;
}

const directly = "leave out --installer-boot: the ISO's kernel is then started directly";
const commandLine = /\] (?:Kernel c|C)ommand line: ([^\r\n]*)[\r\n]/;

function openTerminal(machine: Machine, { name, entry, scale, signal }: LoaderTyping): Terminal {
  const { console } = machine;
  const screen = new TerminalScreen();
  let said = "";
  let isBooting = false;
  const follower = new FileFollower(console.path, {
    maxBytes: consoleBytes,
    // The machine is on already.
    fromStart: true,
    onFull: () => undefined,
    onBytes: (bytes) => {
      screen.feed(bytes);
      said = (said + Buffer.from(bytes).toString("latin1")).slice(-64 * 1024);
    },
  });
  follower.start();
  const giveUpWhen = Promise.race([machine.died, console.fatal]);
  giveUpWhen.catch(() => undefined);
  const details = (limitMs?: number) => ({
    details: {
      waited: limitMs === undefined ? undefined : formatDuration(limitMs),
      screen:
        screen.rows
          .filter((row) => row.trim() !== "")
          .slice(-24)
          .join("\n") || "empty",
      wanted: entry === null ? undefined : `the entry '${entry}'`,
      why: whyNoMenu(screen, entry),
      "to do": directly,
    },
    lookAt: console.path,
  });
  return {
    type: (text) => {
      isBooting ||= text === keys.bootEdited;
      return console.type(text);
    },
    until: async (what, limitMs, look) =>
      waitFor({
        what,
        timeoutMs: limitMs * scale,
        intervalMs: lookMs,
        signal,
        giveUpWhen,
        probe: async () => {
          await follower.catchUp();
          const seen = look(screen);
          if (seen === undefined && !isBooting && timeProves(console.stage))
            throw new CannotTell(`The boot loader of '${name}' started an entry by itself.`, {
              details: {
                why: "its menu did not wait until a key could be pressed",
                "to do": directly,
              },
              lookAt: console.path,
            });
          return seen;
        },
        onTimeout: () =>
          new CannotTell(
            `The boot loader of '${name}' could not be typed at: ${what} did not come.`,
            details(limitMs * scale),
          ),
      }),
    kernelGot: (words) => {
      const told = commandLine.exec(said)?.[1];
      if (told === undefined) return undefined;
      const got = new Set(told.split(" "));
      const lost = words.filter((word) => !got.has(word));
      if (lost.length === 0) return true;
      throw new CannotTell(
        `The kernel of '${name}' did not get what was typed at its boot loader.`,
        {
          details: { lost: lost.join(" "), "it got": told.slice(0, 1000) },
          lookAt: console.path,
        },
      );
    },
    [Symbol.asyncDispose]: () => follower.stop(),
  };
}

/** What a screen without the entry tells. */
function whyNoMenu(screen: TerminalScreen, entry: string | null): string | undefined {
  if (readEditor(screen) !== null) return undefined;
  const menu = readMenu(screen);
  if (menu === null)
    return "no menu of GRUB is on the serial port: isolinux, and a GRUB that draws in graphics, do not show theirs there";
  if (entry !== null && entryOf(menu, entry) === -1)
    return "the menu has other entries than the ISO's configuration, or they do not fit on the screen";
  return undefined;
}

/** Goes to the entry, one key after another. Returns the menu as it is then. */
async function choose(terminal: Terminal, menu: GrubMenu, title: string | null): Promise<GrubMenu> {
  const target = title === null ? 0 : entryOf(menu, title);
  let now = menu;
  while (now.chosen !== target) {
    const next = now.chosen + Math.sign(target - now.chosen);
    await terminal.type(next > now.chosen ? keys.next : keys.previous);
    now = await terminal.until("the next entry of the menu", keyMs, (screen) => {
      const shown = readMenu(screen);
      return shown?.chosen === next ? shown : undefined;
    });
  }
  return now;
}

/** Brings the cursor to the end of the line that starts the kernel. It stands on the first line. */
async function goToKernelLine(terminal: Terminal, lines: readonly EditorLine[]): Promise<void> {
  const target = kernelLine(lines);
  for (const { firstRow } of lines.slice(1, target + 1)) {
    await terminal.type(keys.next);
    await terminal.until("the next line of its editor", keyMs, ({ cursor }) =>
      cursor.row === firstRow ? true : undefined,
    );
  }
  await terminal.type(keys.lineEnd);
  const { lastRow = 0, endColumn = 0 } = lines[target] ?? {};
  await terminal.until("the end of the line that starts the kernel", keyMs, ({ cursor }) =>
    cursor.row === lastRow && cursor.column >= endColumn ? true : undefined,
  );
}

const plain = (text: string): string => text.replace(/ +/g, " ").trim();

/** Types a few keys at a time, and waits until the line shows them. */
async function typeWords(terminal: Terminal, words: readonly string[]): Promise<void> {
  const shown = (screen: TerminalScreen): string | undefined => {
    const lines = readEditor(screen);
    return lines === null ? undefined : plain(lines[kernelLine(lines)]?.text ?? "");
  };
  let before = await terminal.until("the line that starts the kernel", keyMs, shown);
  for (const word of words) {
    const pieces = [` ${word}`].flatMap(
      (text) => text.match(new RegExp(`.{1,${atOnce}}`, "g")) ?? [],
    );
    for (const piece of pieces) {
      const wanted = before + piece;
      await terminal.type(piece);
      await terminal.until(`'${piece.trim()}', which was typed,`, keyMs, (screen) =>
        shown(screen) === wanted ? true : undefined,
      );
      before = wanted;
    }
  }
}
