/** What a kernel tells of its command line on the console (init/main.c, arch/x86/kernel/setup.c). Pure. */

const commandLine = /\] (?:Kernel c|C)ommand line: ([^\r\n]*)[\r\n]/;
/** A line of the kernel's ends near 1000 characters (kernel/printk, LOG_LINE_MAX): a longer one proves nothing about its end. */
const wholeLine = 900;

/** The command line that was told; null where none was, as by a kernel that is told to be quiet. */
export const commandLineTold = (said: string): string | null => commandLine.exec(said)?.[1] ?? null;

/** Those of the words that the kernel does not have, as far as what it told proves it. */
export function lostWords(told: string, words: readonly string[]): readonly string[] {
  if (told.length > wholeLine) return [];
  const got = new Set(told.split(" "));
  return words.filter((word) => !got.has(word));
}
