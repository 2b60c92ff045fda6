/** Whether a boot's kernel stamps its messages (printk.time): then what has no stamp is a program's, whatever it says. */
import { isStamped, stamped, takesBare } from "./console-pattern.ts";

const wholeStamp = /^\[ {0,8}\d{1,8}\.\d{1,9}\]/;
/** The last words of a kernel (kernel/reboot.c, arch/x86/kernel/reboot.c, kernel/kexec_core.c): the next one may be told not to stamp. */
const lastWords = stamped(
  "reboot: (?:Restarting system|machine restart)|kexec(?:_core)?: Starting new kernel",
);

export class KernelStamps {
  #areThere = false;

  /** Another boot has been seen to begin. */
  begin(): void {
    this.#areThere = false;
  }

  /** Any line, before it is judged. */
  saw(text: string): void {
    if (!wholeStamp.test(text)) return;
    this.#areThere = !lastWords.test(text);
  }

  /** Whether a line cannot be the kernel's: it stamps its messages, and this one has no stamp. */
  isNotKernel(text: string): boolean {
    return this.#areThere && text.trim() !== "" && !isStamped.test(text);
  }

  /** Whether a line is what `regex` looks for; the kernel's own words only with a stamp, where it has stamps. */
  isThat(regex: RegExp, text: string): boolean {
    if (!regex.test(text)) return false;
    return !this.#areThere || !takesBare(regex) || isStamped.test(text);
  }
}
