/**
 * GRUB's menu as it draws one on a serial terminal, by placing the cursor: in its own form (grub-core/normal/menu_text.c), or in Fedora's and RHEL's
 * (the same file of rhboot/grub2), which has no box, no version and no asterisk.
 */

export const menuForms = ["boxed", "open"] as const;
export type MenuForm = (typeof menuForms)[number];

export const at = (row: number, column: number): string => `\x1b[${row + 1};${column + 1}H`;

interface Form {
  /** Where entries, or the lines of one, begin; and how many characters a row has for them. */
  readonly row: number;
  readonly column: number;
  readonly columns: number;
  /** A cleared screen without them. */
  readonly menuFrame: string;
  readonly editorFrame: string;
  readonly entry: (title: string, isChosen: boolean) => string;
  readonly countdown: string;
}

const line = "\xc4".repeat(76);
const box = `\x1b[2J${at(1, 30)}GNU GRUB  version 2.14${at(3, 1)}\xda${line}\xbf${at(18, 1)}\xc0${line}\xd9`;
const message = (row: number, ...lines: readonly string[]): string =>
  `\x1b[H\x1b[J${lines.map((text, index) => at(row + index, 6) + text.padEnd(68)).join("")}`;

export const forms: Readonly<Record<MenuForm, Form>> = {
  boxed: {
    ...{ row: 4, column: 2, columns: 76, menuFrame: box, editorFrame: box },
    entry: (title, isChosen) => `${isChosen ? "*" : " "}${title}`.slice(0, 76),
    countdown: `${at(20, 5)}The highlighted entry will be executed automatically in 59s.`,
  },
  open: {
    ...{ row: 3, column: 0, columns: 79 },
    menuFrame: message(
      18,
      "Use the ^ and v keys to change the selection.",
      "Press 'e' to edit the selected item, or 'c' for a command prompt.",
    ),
    editorFrame: message(
      18,
      "Press Ctrl-x to start, Ctrl-c for a command prompt or Escape to",
      "discard edits and return to the menu. Pressing Tab lists",
      "possible completions.",
    ),
    entry: (title, isChosen) => {
      const shown = title.length > 72 ? `${title.slice(0, 72)}>` : title;
      return `${isChosen ? "\x1b[7m" : ""}${`      ${shown}`.padEnd(79)}\x1b[m`;
    },
    countdown: `${at(20, 0)}   The selected entry will be started automatically in 59s.`,
  },
};

/** Rows that the open form has for entries; those without one are written too. */
const openRows = 14;

/** The menu while it counts down. */
export function grubMenu(titles: readonly string[], chosen: number, name: MenuForm): string {
  const form = forms[name];
  const shown = [...titles, ...Array(name === "open" ? openRows - titles.length : 0).fill("")];
  const rows = shown.map(
    (title, index) => `${at(form.row + index, form.column)}${form.entry(title, index === chosen)}`,
  );
  const cursor = at(form.row + chosen, form.columns - 1);
  return `${form.menuFrame}${rows.join("")}${form.countdown}${cursor}`;
}

/** Which entry is chosen after a key: a line down and up, as in Emacs. */
export function chosenAfter(key: string, chosen: number, count: number): number {
  if (key === "\x0e") return Math.min(count - 1, chosen + 1);
  return key === "\x10" ? Math.max(0, chosen - 1) : chosen;
}

export interface ShownMenu {
  /** In its order. */
  readonly titles: readonly string[];
  readonly form: MenuForm;
}

/** Shows the menu and takes keys until one is Enter. Returns the place of what is chosen then. */
export async function pickedFrom(
  { titles, form }: ShownMenu,
  say: (text: string) => void,
  nextKey: () => Promise<string>,
): Promise<number> {
  let chosen = 0;
  if (form === "boxed") say("Welcome to GRUB!\r\n");
  for (let key = ""; key !== "\r"; chosen = chosenAfter(key, chosen, titles.length)) {
    say(grubMenu(titles, chosen, form));
    key = await nextKey();
  }
  say("\x1b[2J\x1b[1;1H");
  return chosen;
}
