/** Starts an entry of GRUB's menu on the serial port, as a person at that console would: arrow keys and Enter. */
import { CannotTell, ExpectationFailed, quoting } from "../base/errors.ts";
import { type GrubMenu, placesOf, readMenu } from "../machine/console/grub-screen.ts";
import { keys } from "../machine/console/keys.ts";
import {
  type AtConsole,
  goToEntry,
  keyMs,
  MenuTerminal,
} from "../machine/console/menu-terminal.ts";

/** A way down, the firmware and GRUB itself, as long as a reboot may take for them. Milliseconds, scaled by the host's slowness. */
const menuMs = 240_000;

export interface WantedEntry {
  /** Of the guest, in messages. */
  readonly name: string;
  readonly title: string;
}

/** The terminal at which the menu will be shown; bind it by `await using`. */
export function menuTerminal(
  machine: AtConsole,
  {
    name,
    title,
    scale,
    signal,
  }: WantedEntry & { readonly scale: number; readonly signal: AbortSignal },
): MenuTerminal {
  return new MenuTerminal(machine, {
    ...{ name, entry: title, scale: Math.max(1, scale), signal },
    todo: "see that GRUB uses the serial port and that its menu waits: terminal_input, terminal_output, timeout",
  });
}

/**
 * Waits for the menu and starts the entry; returns the menu as it was shown. Throws ExpectationFailed where the menu does not have the entry, or has it
 * more than once, as where a script wrote what entries say too (fedora-silverblue/issue-tracker#120). Throws CannotTell where there is no menu to be
 * seen, or titles are cut so that two of them look alike.
 */
export async function pickEntry(
  machine: Pick<AtConsole, "console">,
  terminal: MenuTerminal,
  { name, title }: WantedEntry,
): Promise<GrubMenu> {
  let shown = await terminal.until("its menu", menuMs, (screen) => readMenu(screen) ?? undefined);
  // Any key ends the countdown; this one moves nothing where the first entry is chosen.
  await terminal.type(keys.previous);
  const menu = await terminal
    .until("the entry of its menu", keyMs, (screen) => {
      shown = readMenu(screen) ?? shown;
      return placesOf(shown, title).length === 0 ? undefined : shown;
    })
    .catch((error: unknown) => {
      const isShownAsItIs = /^[\x20-\x7e]*$/.test(title);
      if (!(error instanceof CannotTell) || readMenu(terminal.screen) === null || !isShownAsItIs)
        throw error;
      throw new ExpectationFailed(
        quoting`The boot menu of guest '${name}' does not have the entry '${title}'.`,
        {
          details: { "it has": shown.titles.join("\n") },
          lookAt: machine.console.path,
        },
      );
    });
  const details = { "it has": menu.titles.join("\n") };
  const times = menu.titles.filter((one) => one === title).length;
  if (times > 1)
    throw new ExpectationFailed(
      quoting`The boot menu of guest '${name}' has the entry '${title}' ${times} times.`,
      { details, lookAt: machine.console.path },
    );
  if (placesOf(menu, title).length > 1)
    throw new CannotTell(
      quoting`The boot menu of guest '${name}' cuts its titles, and '${title}' cannot be told from another.`,
      { details, lookAt: machine.console.path },
    );
  await goToEntry(terminal, menu, title);
  await terminal.type(keys.enter);
  machine.console.entryPicked?.();
  return menu;
}
