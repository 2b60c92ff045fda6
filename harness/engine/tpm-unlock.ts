/**
 * A root that the machine's TPM unlocks. The same TPM opened it at the boot before, so a later boot that asks for the passphrase is
 * the image's fault: what it measures differs, or it does not ask the TPM any more.
 */
import { BootFailed, CannotTell, ExpectationFailed } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { type RootLock, rootLockOf, type TpmToken } from "../guest/tools/root-lock.ts";
import type { Stage } from "./scenario.ts";

/** A root that a TPM alone can open. */
export interface TpmLock extends RootLock {
  readonly tokens: readonly [TpmToken, ...TpmToken[]];
}

/** What the root is unlocked by; ends the story where that is not a TPM alone. Throws as `rootLockOf`. */
export async function needTpmLock(guest: Guest, skip: Stage["skip"]): Promise<TpmLock> {
  const lock = await rootLockOf(guest);
  if (lock === null) return skip("The root does not lie on LUKS.");
  const [first, ...others] = lock.tokens.filter(({ wantsPin }) => !wantsPin);
  if (first !== undefined) return { ...lock, tokens: [first, ...others] };
  if (lock.version !== "2")
    return skip(`The root lies on LUKS of version ${lock.version}, whose header has no tokens.`);
  return skip(
    lock.tokens.length === 0
      ? "The LUKS header of the root has no token of a TPM (systemd-tpm2)."
      : "The TPM opens the root only with a PIN, which nobody types.",
  );
}

/** What the tokens are bound to, as a sentence for the report. */
export function lockWords({ device, tokens, isAsked }: TpmLock): string {
  const bound = [...new Set(tokens.flatMap(({ pcrs }) => pcrs))].sort((a, b) => a - b);
  const signed = [...new Set(tokens.flatMap(({ signedPcrs }) => signedPcrs))];
  const to = [
    ...(bound.length === 0 ? [] : [`PCR ${bound.join(", ")}`]),
    ...(signed.length === 0 ? [] : [`a signed policy of PCR ${signed.join(", ")}`]),
  ].join(" and ");
  const asked = isAsked ? "" : "; neither kernel arguments nor crypttab ask for it";
  return `The root lies on LUKS (${device}), and the TPM opens it by a token that is bound to ${to || "no PCR"}${asked}.`;
}

/**
 * Sees that the guest's first boot was let in by the TPM. Throws CannotTell where somebody typed the passphrase: the TPM that the machine
 * was given need not be the one that the disk was closed with.
 */
export async function expectOpenedByTpm({ name, machine, lookAt }: Guest): Promise<void> {
  if (!machine.passphraseTyped) return;
  throw new CannotTell(
    `The TPM did not open the root of guest '${name}': its passphrase was typed.`,
    {
      details: machine.tpmIsNew
        ? {
            why: "the machine's TPM is new, and the disk was closed with another one",
            "to do": "name the state of that one by --tpm-state",
          }
        : { why: "the state that was named may be of another TPM than the disk's" },
      lookAt,
    },
  );
}

/** Reboots, and sees that the TPM opens the root again. `after` is what was done before: `the upgrade`. Throws as `reboot` does besides. */
export async function rebootByTpm(guest: Guest, lock: TpmLock, after: string): Promise<void> {
  const asked = (cause?: unknown): ExpectationFailed =>
    new ExpectationFailed(
      `After ${after} the TPM does not open the root of guest '${guest.name}': the boot asks for its passphrase.`,
      {
        ...(cause === undefined ? {} : { cause }),
        details: {
          "opened before": lockWords(lock),
          line: cause instanceof BootFailed ? cause.details["line"] : undefined,
        },
        lookAt: guest.lookAt,
      },
    );
  await guest.reboot().catch((error: unknown) => {
    throw error instanceof BootFailed && error.pattern === "passphrase-prompt"
      ? asked(error)
      : error;
  });
  if (guest.machine.passphraseTyped) throw asked();
}
