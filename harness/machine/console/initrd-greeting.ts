/**
 * Whose greeting it is. The initramfs of some distributions (mkinitcpio, mkosi-initrd) greets as the system does: `Welcome to
 * Arch Linux!`. systemd (src/core/main.c) says its version, in an initramfs then `Running in initrd.`, greets, and starts units
 * only after that; the system's manager says all of it again, without that line. So one that begins units without it is the
 * system's, also where its greeting goes to another console.
 */
import { systemdVersionIn } from "./came-up.ts";
import { bySystemd, kernel, systemd } from "./console-pattern.ts";

const begins = new RegExp(`${bySystemd}Running in initrd\\.`);
/** Greetings that say what they are; systemd 257 and later has words of its own for them. */
const named = /\(Initramfs\)|^Booting initrd of /;
const ofUnits = systemd(
  "(?:Queued start job|Switching root|Expecting device|(?:Starting|Started|Finished|Stopping|Stopped|Closed|Created slice|Listening on|Mounting|Mounted|Found device|Reached target|Set up automount|Failed to|Timed out|Dependency failed for|Ordering cycle found) )",
);
/** Any other process than the manager: none runs before the greeting. */
const ofProcess = kernel("[A-Za-z][A-Za-z0-9_.@-]{0,60}\\[(?!1\\])\\d{1,8}\\]: ");
/** Units of an initramfs (systemd.special(7), dracut): its line may have been lost. */
const unitsOfInitrd = /initrd|dracut|sysroot|switch.root/i;
/** The units of the first process, in the journal's form, which the kernel's console shows before there is a journal. */
const beginsUnits = new RegExp(
  `${bySystemd}(?:Queued start job|(?:Starting|Started|Created slice|Listening on|Mounting|Reached target|Set up automount) )`,
);
/** What only a system behind an initramfs stops (systemd.special(7), initrd-switch-root.target). */
const stopsSwitch = systemd(
  "Stopped (?:target )?(?:initrd-switch-root\\.|Switch Root)|initrd-switch-root\\.service: Deactivated",
);

export class InitrdGreeting {
  #begun = false;
  #isDue = false;
  /** A manager told its version after that of the initramfs. */
  #hasSuccessor = false;
  /** A manager told its version, and nothing yet of whose it is. */
  #isUnknown = false;
  #lineNumber = 0;

  /** A boot begins. */
  begin(): void {
    this.#begun = false;
    this.#isDue = false;
    this.#hasSuccessor = false;
    this.#isUnknown = false;
  }

  /** Any finished message. True when it is of the system, behind an initramfs or without one, whose greeting may have been lost. */
  saw(text: string): boolean {
    if (begins.test(text) || named.test(text)) {
      this.#begun = true;
      this.#isUnknown = false;
      this.#isDue = !named.test(text);
      this.#hasSuccessor = false;
    }
    if (!this.#begun) return this.#isSystem(text);
    if (text.includes("running in ") && systemdVersionIn(text) !== null) {
      this.#hasSuccessor = true;
      this.#isDue = false;
    }
    if (!ofUnits.test(text) && !ofProcess.test(text) && !stopsSwitch.test(text)) return false;
    this.#isDue = false;
    return this.#hasSuccessor || stopsSwitch.test(text);
  }

  /** Where no initramfs of systemd began: the version, and then a unit that is not an initramfs's. */
  #isSystem(text: string): boolean {
    if (text.includes("running in ") && systemdVersionIn(text) !== null) this.#isUnknown = true;
    else if (this.#isUnknown && unitsOfInitrd.test(text)) this.#isUnknown = false;
    return this.#isUnknown && beginsUnits.test(text);
  }

  /** Whether the greeting on this line is the initramfs's: the first one, before any unit. */
  isHere(lineNumber: number): boolean {
    if (this.#isDue) this.#lineNumber = lineNumber;
    this.#isDue = false;
    return this.#lineNumber === lineNumber;
  }
}
