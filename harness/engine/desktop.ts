/**
 * What a desktop owes a person who sits down at it, as far as it can be told without eyes. A display manager that does not run is the image's
 * fault where the machine has a display and time is not what ended it: greeters without a GPU draw by the processor, which an emulated
 * one does slowly.
 */
import type { Image } from "../../images/image.ts";
import { CannotTell, ExpectationFailed, quoting } from "../base/errors.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";
import { awaitDesktop, type Desktop, readDesktop } from "../guest/tools/desktop.ts";
import type { GuestScreen } from "./guest-screen.ts";
import { memoryAdvice } from "./out-of-memory.ts";
import { skipUnlessPromised } from "./promised.ts";
import type { Stage } from "./scenario.ts";

const graphical = "graphical.target";

/**
 * The first start asks a person for a user, a time zone and the like, and the display manager waits for that: Fedora's initial-setup,
 * systemd's own, openSUSE's jeos-firstboot. GNOME and Plasma ask behind their display managers.
 */
const asksFirst = /^(?:initial-setup|systemd-firstboot|jeos-firstboot)[\w-]*\.service$/;

/** What a unit ended by where time or memory may have been too little (systemd.service(5), `$SERVICE_RESULT`). */
const byTime = ["timeout", "watchdog"];
const byMemory = "oom-kill";

/** Ends the story where the image starts no desktop: as a broken promise, or as skipped. Returns what there is else. */
export async function needDesktop(
  guest: Guest,
  { image, skip }: { image: Image; skip: Stage["skip"] },
): Promise<Desktop> {
  const desktop = await readDesktop(guest);
  const { manager, defaultTarget } = desktop;
  const orSkip = (reason: string): never =>
    skipUnlessPromised({ image, promise: "desktop", skip }, reason);
  if (manager === null)
    return orSkip(
      "The image does not have a display manager: no unit has the alias display-manager.service.",
    );
  if (manager.loadState === "masked") return orSkip("The image's display manager is masked.");
  if (defaultTarget !== graphical)
    return orSkip(
      `The image does not start a desktop by default: its default target is ${defaultTarget.slice(0, 100)}.`,
    );
  return desktop;
}

/** Its display manager runs, or comes to run, and was not started again and again. Returns its unit. */
export async function expectDisplayManager(guest: Guest): Promise<string> {
  const { manager, starting } = await awaitDesktop(guest);
  const asking = starting.find((unit) => asksFirst.test(unit));
  if (manager?.state !== "active" && asking !== undefined)
    throw new CannotTell(
      quoting`The first start of guest '${guest.name}' asks a person, and its display manager waits for that: ${asking}.`,
      {
        details: { "to do": "give the image its first settings, as by a kickstart" },
        lookAt: guest.lookAt,
      },
    );
  if (manager === null) throw new ExpectationFailed("The display manager is gone.");
  const { unit, state, result, restarts } = manager;
  const isLooping = restarts >= 2;
  if (state === "active" && !isLooping) return unit;
  const lines = await guest.systemd.journal({ unit, lines: 20 });
  const sentence = isLooping
    ? quoting`The display manager of guest '${guest.name}' was started again ${restarts} times: ${unit}.`
    : quoting`The display manager of guest '${guest.name}' does not run: ${unit}.`;
  const doubt = whyInDoubt(guest, state, result);
  const details = {
    ...{ state, result },
    journal: excerptEnd(lines.join("\n"), 1500) || undefined,
    ...(doubt === null ? {} : { "cannot be told": doubt }),
  };
  const { lookAt } = guest;
  throw doubt === null
    ? new ExpectationFailed(sentence, { details, lookAt })
    : new CannotTell(sentence, { details, lookAt });
}

/** Why a display manager that does not run proves nothing; null where it does. */
function whyInDoubt(
  { machine, timeScale }: Pick<Guest, "machine" | "timeScale">,
  state: string,
  result: string,
): string | null {
  if (!machine.hasScreen) return "the machine does not have a display that the harness knows of";
  if (result === byMemory) return `it may lack memory: ${memoryAdvice}`;
  if (timeScale === 1) return null;
  if (byTime.includes(result)) return "the processor is emulated, and it ran out of time";
  return ["activating", "deactivating", "reloading"].includes(state)
    ? "the processor is emulated, and it may still come"
    : null;
}

/** Keeps a picture of the screen, which is not all of one colour. Returns what it shows. */
export async function expectPicture(guest: Guest, display: GuestScreen): Promise<string> {
  const shown = await display.photograph("desktop", "until-shown");
  const { lookAt, timeScale } = guest;
  if (shown !== "blank") return shown ?? "what nobody could tell";
  const headline = `The screen of guest '${guest.name}' is of one colour.`;
  // A greeter that nobody touches switches its screen off after some minutes.
  if (timeScale > 1)
    throw new CannotTell(headline, {
      details: { processor: "emulated: it may not have drawn yet, or may have gone to sleep" },
      lookAt,
    });
  throw new ExpectationFailed(headline, { lookAt });
}
