/** GRUB's menu as it draws one on a serial terminal (grub-core/normal/menu_text.c), by placing the cursor. */

export const menuColumns = 76;

export const at = (row: number, column: number): string => `\x1b[${row + 1};${column + 1}H`;

/** A cleared screen with the title and the box. */
export function grubFrame(): string {
  const line = "\xc4".repeat(menuColumns);
  return `\x1b[2J${at(1, 30)}GNU GRUB  version 2.14${at(3, 1)}\xda${line}\xbf${at(18, 1)}\xc0${line}\xd9`;
}

/** The menu while it counts down. */
export function grubMenu(titles: readonly string[], chosen: number): string {
  const rows = titles.map(
    (title, index) =>
      `${at(4 + index, 2)}${`${index === chosen ? "*" : " "}${title}`.slice(0, menuColumns)}`,
  );
  return `${grubFrame()}${rows.join("")}${at(20, 5)}The highlighted entry will be executed automatically in 59s.`;
}

/** Which entry is chosen after a key: a line down and up, as in Emacs. */
export function chosenAfter(key: string, chosen: number, count: number): number {
  if (key === "\x0e") return Math.min(count - 1, chosen + 1);
  return key === "\x10" ? Math.max(0, chosen - 1) : chosen;
}

/** Shows the menu and takes keys until one is Enter. Returns the place of what is chosen then. */
export async function pickedFrom(
  titles: readonly string[],
  say: (text: string) => void,
  nextKey: () => Promise<string>,
): Promise<number> {
  let chosen = 0;
  say("Welcome to GRUB!\r\n");
  for (let key = ""; key !== "\r"; chosen = chosenAfter(key, chosen, titles.length)) {
    say(grubMenu(titles, chosen));
    key = await nextKey();
  }
  say("\x1b[2J\x1b[1;1H");
  return chosen;
}
