/** The kickstart that a person names, judged before anything boots: an installer takes minutes to say the same. */
import { kickstartFault } from "../../../images/installer/validate-kickstart.ts";
import { HostUnfit, quoting, UsageError } from "../../base/errors.ts";
import { cacheRoot } from "../../base/workspace.ts";
import { cleanText } from "../../log/clean-text.ts";
import { maskKickstart } from "../../states/install/mask-kickstart.ts";
import { type InstallOptions, isPreseed, readKickstart } from "./install-options.ts";
import { readPassphrase } from "./passphrase.ts";

/** The files of a person's own that an installation goes by. Throws UsageError for one that no installation could. */
export async function checkInstallFiles(
  { kickstart, passphraseFile }: Pick<InstallOptions, "kickstart" | "passphraseFile">,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await checkKickstart(kickstart, say, signal);
  if (passphraseFile !== undefined) await readPassphrase(passphraseFile);
}

/**
 * Throws UsageError, with the line quoted, for a kickstart that no installer would read, or that would never end. Where the validator cannot be
 * had, that is said and the installer itself will judge.
 */
export async function checkKickstart(
  file: string | undefined,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (file === undefined) return;
  const text = await readKickstart(file);
  if (isPreseed(text)) return;
  const options = { cacheDir: cacheRoot(), onProgress: say, signal };
  const fault = await kickstartFault(text, options).catch((error: unknown) => {
    if (!(error instanceof HostUnfit)) throw error;
    say(
      `The kickstart is not checked beforehand, since pykickstart cannot be had: ${error.headline}`,
    );
    return null;
  });
  if (fault === null) return;
  const { line, text: quoted, why, todo } = fault;
  const place = line === null ? file : `${file}:${line}`;
  throw new UsageError(quoting`The kickstart '${place}' has an error: ${cleanText(why, 500)}`, {
    details: {
      line: quoted === null ? undefined : cleanText(maskKickstart(quoted), 300).trim(),
      "said by":
        todo === undefined
          ? "pykickstart, by which Anaconda reads kickstarts; no release reads this one"
          : undefined,
      "to do": todo,
    },
  });
}
