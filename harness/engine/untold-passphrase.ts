/**
 * A disk that asks for a passphrase which the harness was not told. Who encrypts a disk means it to ask, so where somebody else made
 * the disk, or wrote the kickstart that it was installed by, the question says nothing against the image.
 */
import { BootFailed, CannotTell } from "../base/errors.ts";
import type { MachineSpec } from "../machine/machine.ts";

/** The error to blame: CannotTell in the place of a boot that ended at a question for a passphrase that nobody told. */
export function unlessUntold(
  error: unknown,
  specs: readonly Pick<MachineSpec, "passphraseUntold">[],
): unknown {
  if (!(error instanceof BootFailed) || error.pattern !== "passphrase-prompt") return error;
  if (!specs.some(({ passphraseUntold }) => passphraseUntold === true)) return error;
  const { "how to": _, ...details } = error.details;
  return new CannotTell("The disk asks for a passphrase that bootgate was not told.", {
    cause: error,
    details: {
      why: error.headline,
      ...details,
      "to do": "give it in a file by --passphrase-file",
    },
    lookAt: error.lookAt,
  });
}
