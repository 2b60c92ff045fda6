/** The passphrase of an encrypted disk: of a person's file, or made for the run where an installer encrypts it. */
import { randomBytes } from "node:crypto";
import type { Image } from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import { leastSecret, Secret } from "../../base/secrets.ts";
import { decodeText, readSmallFile } from "../../config/read-small-file.ts";

/** What cryptsetup takes at a prompt (cryptsetup(8), notes on passphrase processing). Bytes. */
const maxPassphraseBytes = 512;

/** The passphrase in a file, without the line end behind it. Throws UsageError for what cannot be typed at a prompt or cannot be kept secret. */
export async function readPassphrase(file: string): Promise<Secret> {
  const what = "passphrase file";
  const bytes = await readSmallFile(file, { what, maxBytes: maxPassphraseBytes + 2 });
  const text = decodeText(bytes, file, what).replace(/\r?\n$/, "");
  if (/[\x00-\x1f\x7f]/.test(text))
    throw new UsageError(
      `The passphrase in '${file}' has a control character or a second line, which nobody can type.`,
    );
  if (text.length < leastSecret)
    throw new UsageError(
      `The passphrase in '${file}' has fewer than ${leastSecret} characters, so it could not be kept out of logs.`,
    );
  return new Secret(text);
}

/** One that nobody knows: of letters and digits that every keyboard has in the same places. */
export const newPassphrase = (): Secret => new Secret(randomBytes(12).toString("hex"));

/**
 * Images as they are booted where the passphrase of the candidate's disk was told in a file, or none was: a disk that somebody else
 * made may be encrypted. A disk that the harness or an installer has still to make gets its passphrase when it is made.
 * Throws as `readPassphrase` does.
 */
export async function withPassphrases<Images extends Readonly<Partial<Record<string, Image>>>>(
  images: Images,
  file: string | undefined,
): Promise<Images> {
  const secret =
    file === undefined || images.candidate?.disk == null ? null : await readPassphrase(file);
  const entries = Object.entries(images).map(([role, image]) => {
    const disk = image?.disk ?? null;
    if (disk === null) return [role, image] as const;
    const known =
      role === "candidate" && secret !== null ? { passphrase: secret } : { passphraseUntold: true };
    return [role, { ...image, disk: { ...disk, ...known } }] as const;
  });
  return Object.fromEntries(entries) as unknown as Images;
}
