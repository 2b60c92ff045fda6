/**
 * What the root of a guest is unlocked by: the LUKS device that it lies on, the tokens in its header by which a TPM opens it, and
 * whether anything asks for that at boot. The parsers are pure. Facts: cryptsetup-luksDump(8), LUKS2 On-Disk Format 1.1.3 (3.3),
 * systemd-cryptenroll(1), systemd-cryptsetup-generator(8), crypttab(5).
 */
import { z } from "zod";
import { CannotTell } from "../../base/errors.ts";
import { blockCommands } from "../block-commands.ts";
import type { Guest } from "../guest.ts";
import { mustExec, parseJson } from "../guest-io.ts";

/** By which a TPM opens a LUKS device. */
export interface TpmToken {
  /** Numbers of the registers that must be what they were when it was made, and of those that a signed policy speaks of. */
  readonly pcrs: readonly number[];
  readonly signedPcrs: readonly number[];
  /** It wants a PIN besides, which somebody has to type. */
  readonly wantsPin: boolean;
}

export interface RootLock {
  /** `/dev/vda3`. */
  readonly device: string;
  /** Version of its LUKS header, `1` or `2`. Only the second has tokens. */
  readonly version: string;
  readonly tokens: readonly TpmToken[];
  /** The kernel's command line or /etc/crypttab asks for a TPM. Else it is for systemd to try the token by itself. */
  readonly isAsked: boolean;
}

const pcrs = z.array(z.number().int()).optional().catch(undefined);
const header = z.object({
  tokens: z.record(
    z.string(),
    z.looseObject({
      type: z.string(),
      "tpm2-pcrs": pcrs,
      tpm2_pubkey_pcrs: pcrs,
      "tpm2-pin": z.boolean().optional(),
    }),
  ),
});

/** Rows of `lsblk --inverse` with NAME, FSTYPE and FSVER: the topmost LUKS device, or null. */
export function parseLocked(text: string): Pick<RootLock, "device" | "version"> | null {
  for (const row of text.split("\n")) {
    const [, device, version] = /^(\/dev\/\S+)\s+crypto_LUKS\s+(\d)\s*$/.exec(row) ?? [];
    if (device !== undefined && version !== undefined) return { device, version };
  }
  return null;
}

/** The tokens of a TPM in what `luksDump --dump-json-metadata` tells, as systemd-cryptenroll makes them. */
export function tpmTokens({ tokens }: z.output<typeof header>): TpmToken[] {
  return Object.values(tokens)
    .filter(({ type }) => type === "systemd-tpm2")
    .map((token) => ({
      pcrs: token["tpm2-pcrs"] ?? [],
      signedPcrs: token.tpm2_pubkey_pcrs ?? [],
      wantsPin: token["tpm2-pin"] === true,
    }));
}

/** Whether kernel arguments, or lines of a crypttab, ask for a TPM. */
export const asksTpm = (kernelArguments: readonly string[], crypttab: string): boolean =>
  kernelArguments.some((word) => /^(?:rd\.)?luks\.options=(?:.*[,=])?tpm2-device=/.test(word)) ||
  crypttab.split("\n").some((line) => /^[^#].*[\s,]tpm2-device=/.test(line));

/** What the root of a guest is unlocked by; null where it does not lie on LUKS. Throws CannotTell where the image cannot read the header. */
export async function rootLockOf(
  guest: Pick<Guest, "name" | "timeScale" | "lookAt" | "exec" | "kernelArguments" | "files">,
): Promise<RootLock | null> {
  const locked = parseLocked((await mustExec(guest, blockCommands.underRoot)).stdout);
  if (locked === null) return null;
  const isAsked = asksTpm(
    await guest.kernelArguments(),
    (await guest.files.read("/etc/crypttab")) ?? "",
  );
  if (locked.version !== "2") return { ...locked, tokens: [], isAsked };
  const command = blockCommands.luksHeader(locked.device);
  const told = await guest.exec(command);
  if (told.exitCode === 0)
    return {
      ...locked,
      tokens: tpmTokens(parseJson(header, { command, guest: guest.name }, told.stdout)),
      isAsked,
    };
  throw new CannotTell(`The LUKS header of the root of guest '${guest.name}' cannot be read.`, {
    details: { command, said: told.stderr.slice(0, 500) || "nothing" },
    lookAt: guest.lookAt,
  });
}
