/** A password or a community's name in a file of its own, so that it stands in no `boards.yaml` that is shared. */
import { dirname, resolve } from "node:path";
import { UsageError } from "../../../base/errors.ts";
import { leastSecret, Secret } from "../../../base/secrets.ts";
import { decodeText, readSmallFile } from "../../../config/read-small-file.ts";

const what = "password file";

/**
 * The word in the file, masked wherever this process would tell it. A short one cannot be told apart from other text, so its users
 * never put it into a message. `boardsPath`: paths start from its folder. Throws UsageError for a file without a word in it.
 */
export async function readSecretFile(path: string, boardsPath: string): Promise<string> {
  const file = resolve(dirname(boardsPath), path);
  const bytes = await readSmallFile(file, { what, maxBytes: 1024 });
  const word = decodeText(bytes, file, what).replace(/\r?\n$/, "");
  if (word === "" || /[\x00-\x1f\x7f]/.test(word))
    throw new UsageError(`The ${what} '${file}' does not hold one line of text.`);
  for (const form of [word, encodeURIComponent(word), Buffer.from(word).toString("base64")])
    if (form.length >= leastSecret) new Secret(form);
  return word;
}
