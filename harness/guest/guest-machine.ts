/** The machine of a guest as far as a story may touch it. A story that does says so in `needs.capabilities`. */
import type { GrubMenu } from "../machine/console/grub-screen.ts";
import type { ThroughRed } from "./fall-back.ts";

export interface GuestMachine {
  readonly isOn: boolean;
  /** `closed`: the guest reaches the harness's own services alone. */
  readonly network: "closed" | "open";
  /** The passphrase of its disk was typed in one of its boots. */
  readonly passphraseTyped: boolean;
  /** It has a TPM that was new when the machine was made: that opens nothing which was closed before. */
  readonly tpmIsNew: boolean;
  /** It has a display that can be looked at (`screenshot`). */
  readonly hasScreen: boolean;
  /** How much of what it writes was recorded until now (`write-log`): a place for `Stage.cuts`. Throws CannotTell where nothing is. */
  recorded(): Promise<number>;
  /** Pulls the plug (`power`). What was not written to the disk is lost, and nothing of the guest is asked before. */
  cutPower(): Promise<void>;
  /**
   * Tells the guest to switch off and waits until its machine is off (`power`). Throws CommandFailed where it refuses; one that is
   * still on when its time is over is the image's failure only where the processor is real and the host was well.
   */
  shutDown(): Promise<void>;
  /**
   * Waits until the guest switches its machine off by itself (`power`): `begin` starts what ends so and returns before it does. Not
   * every power-off is a fault; one that nobody waits for is. Throws what `begin` throws, and else as `shutDown`.
   */
  waitForOff(begin: () => Promise<unknown>): Promise<void>;
  /** Switches on again, and waits for a boot with another boot ID (`power`). Throws as `reboot` does. */
  switchOn(): Promise<void>;
  /**
   * Reboots; health checks of the image that fail may restart the machine so often, which is not a fault. Waits for a boot of a deployment
   * that does not have the file, or for any. Throws BootFailed where the restarts do not end, ExpectationFailed where the deployment to be
   * left stays, and else as `reboot` does.
   */
  rebootThroughRed(red: ThroughRed): Promise<void>;
  /** Types at the serial console (`keys`); what is not a letter is in `keys`. That the guest reads it is not waited for. Throws MachineFault. */
  type(text: string): Promise<void>;
  /**
   * Reboots, and starts the entry of that title from GRUB's menu on the serial port (`keys`); waits for a boot with another boot ID and returns the menu
   * as it was shown. Throws ExpectationFailed where the menu does not have the entry or has it more than once, CannotTell where no menu is shown there or it is gone before a
   * key can be pressed, and else as `reboot` does.
   */
  rebootInto(title: string): Promise<GrubMenu>;
}
