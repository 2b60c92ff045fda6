/**
 * What a row of the console's tables is made of, and the two ways a line can be led in: by printk's time stamp, or by
 * the mark of a systemd status line. The tables stand beside this file, one for each part of a boot.
 */
import type { BootStage } from "./console.ts";

/** A line that ends a boot, or (with `graceMs`) ends it unless the boot is seen to go on in that time. */
export interface FatalPattern {
  /** Stable: reports and policies name it. */
  readonly name: string;
  readonly regex: RegExp;
  /** What it means, as the end of "Guest 'candidate' did not boot: …" or "… is faulty: …". */
  readonly meaning: string;
  /** Stages in which it counts; in all when absent. */
  readonly stages?: readonly BootStage[];
  /** The line may be followed by a healthy boot, so a verdict waits this long (milliseconds, scaled for slow machines). */
  readonly graceMs?: number;
  /** How often it must be seen in one boot. Default 1. */
  readonly times?: number;
  /** Seen on an unfinished line too: prompts have no newline. */
  readonly prompt?: boolean;
  /** A key at the boot loader brings it as well: it ends no boot at which the harness has typed. */
  readonly byKey?: boolean;
  /**
   * `doubtful`: boots survive this line, so that nothing followed it does not show whose fault that is.
   * `timed`: the time that passed is a part of the proof, so it proves nothing before the kernel on an emulated machine.
   */
  readonly proof?: "doubtful" | "timed";
  /** It shows that a part of the machine failed, whatever the image is. */
  readonly blames?: "hardware";
  /** The guest runs on after it: it is faulty, and that it is down or did not boot is not shown. */
  readonly goesOn?: boolean;
  /** What a person can do, for the message. */
  readonly howTo?: string;
}

/**
 * A line that shows that a stage has been reached. `restarts`: only the very start of a boot says this. `greets`: an initramfs
 * may say it too (`initrd-greeting.ts`).
 */
export interface StagePattern {
  readonly stage: BootStage;
  readonly regex: RegExp;
  readonly restarts?: boolean;
  readonly greets?: boolean;
  readonly prompt?: boolean;
}

/** A line that shows that a boot goes on after a doubtful one. */
export interface ProgressPattern {
  readonly regex: RegExp;
  readonly stages: readonly BootStage[];
  /** `goes-on`: the grace begins again. `past`: what was doubtful is over. `menu`: a boot loader counts down. */
  readonly shows: "goes-on" | "past" | "menu";
}

/** printk's time stamp and caller: `[    1.234567] `, `[    1.234567][    T1] `. On a shared line its head may be lost. */
const stampText = String.raw`(?:\[ {0,8}| {0,8})(?:\d{1,8}\.)?\d{1,9}\] ?(?:\[ {0,6}[TC]\d{1,8}\] ?)?`;
const stamp = `^(?:${stampText})?`;

/**
 * How the journal lines of the system's systemd begin, behind a stamp or a level or bare; what quotes one has a writer
 * before it. A user's manager (user@.service(5)) has the same name and words, but it is not process 1 and no boot hangs on it.
 */
export const bySystemd = String.raw`(?:^|[\]>] {0,9})systemd(?:\[1\])?: {0,9}`;

/** How a systemd status line (its mark may be cut) and the journal's form (`systemd[1]: …`) lead a message in. */
const mark = String.raw`(?:^ {0,9}|\] {1,9}|${bySystemd})`;

/** A message of the kernel, with its stamp or without (`printk.time=0`): its words are such that no program writes them. */
export const kernel = (text: string): RegExp => new RegExp(`${stamp}(?:${text})`);

/** Whether the expression is of `kernel`, which takes a message without a stamp too. */
export const takesBare = ({ source }: RegExp): boolean => source.startsWith(stamp);

/** A message of the kernel whose words any program may write too: only the stamp shows who did. */
export const stamped = (text: string): RegExp => new RegExp(`^${stampText}(?:${text})`);

/** Any message with the kernel's stamp. */
export const isStamped = stamped("");

/** A message of systemd: a status line (`[FAILED] Failed to …`, its mark may be cut) or the journal's form (`systemd[1]: Failed to …`). */
export const systemd = (text: string): RegExp => new RegExp(`${mark}(?:${text})`);

/** One expression that matches what any of these does, with each way to lead in written once: five times as fast. */
export function anyOf(expressions: readonly RegExp[]): RegExp {
  const sources = expressions.map(({ source }) => source);
  const groups = [stamp, mark].map((leadIn) => {
    const own = sources.filter((source) => source.startsWith(leadIn));
    return {
      own,
      joined: `${leadIn}(?:${own.map((text) => text.slice(leadIn.length)).join("|")})`,
    };
  });
  const others = sources.filter((source) => groups.every(({ own }) => !own.includes(source)));
  const parts = [
    ...others,
    ...groups.flatMap(({ own, joined }) => (own.length > 0 ? [joined] : [])),
  ];
  return new RegExp(parts.map((part) => `(?:${part})`).join("|"));
}

/** A unit as systemd names it in a message: `name - description`, or the description alone. */
export const described = (text: string): string => `(?:[^ ]{0,120} - )?(?:${text})`;

/** These units and no others: by name, or by the whole description where that stands alone (systemd before 249). */
export const exactly = (names: string, descriptions: string): string =>
  `(?:(?:${names})(?: - |\\.?$|\\.[^a-z])|(?:${descriptions})(?:\\.|$))`;

export const early: readonly BootStage[] = ["off", "firmware", "bootloader"];
export const inInitrd: readonly BootStage[] = ["kernel", "initrd"];
export const booting: readonly BootStage[] = ["kernel", "initrd", "userspace"];
