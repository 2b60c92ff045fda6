/**
 * systemd's credentials as words of the kernel's command line (systemd(1), systemd.set_credential=; systemd 251 and later), and the
 * lines by which GRUB is told them. Pure.
 */
import { UsageError } from "../../base/errors.ts";

/** COMMAND_LINE_SIZE of x86 and arm64 (asm/setup.h), without the byte that ends it. */
export const commandLineBytes = 2047;
/** What an image needs of it for itself. */
const ownBytes = 512;
/** GRUB's variable. */
export const variable = "bootgate";
/** Of the words in one line at GRUB's prompt: it has to fit on a screen of 80 columns. */
const atPrompt = 36;

/** A value that no program on the way reads anything into. */
const isPlain = (value: string): boolean => /^[A-Za-z0-9_.-]{1,100}$/.test(value);

/** The words. Throws UsageError for what is too long, or has a name that cannot be told so. */
export function credentialWords(
  board: string,
  credentials: Readonly<Record<string, string>>,
): readonly string[] {
  const words = Object.entries(credentials).map(([name, value]) => {
    if (!/^[A-Za-z0-9_.@-]{1,255}$/.test(name))
      throw new UsageError(`'${name.slice(0, 80)}' cannot be the name of a credential.`);
    return isPlain(value)
      ? `systemd.set_credential=${name}:${value}`
      : `systemd.set_credential_binary=${name}:${Buffer.from(value).toString("base64")}`;
  });
  const bytes = words.join(" ").length;
  if (bytes > commandLineBytes - ownBytes)
    throw new UsageError(
      `The credentials for board '${board}' have ${bytes} characters, too many for the kernel's command line.`,
      {
        details: {
          room: `${commandLineBytes - ownBytes} characters beside the image's own`,
          "to do": "leave out what is not needed: --no-channel, a shorter kind of key",
        },
      },
    );
  return words;
}

/** Lines that set the variable to the words, each short. */
export function settingLines(words: readonly string[]): readonly string[] {
  const pieces = words.join(" ").match(new RegExp(`.{1,${atPrompt}}`, "g")) ?? [];
  return pieces.map(
    (piece, index) => `set ${variable}="${index === 0 ? "" : `\${${variable}}`}${piece}"`,
  );
}
