/** What the root of a simulated guest is locked by: its LUKS header as cryptsetup(8) tells it, and whether a boot asks somebody. */
import type { MachineSpec } from "../../harness/machine/machine.ts";
import { type Answer, bad, type Call, ok } from "./answer.ts";
import type { SimulatedSystem } from "./system.ts";

const device = "/dev/vda3";

/** Rows of lsblk(8) for the device of the root, from the mapped one down; null for another script. */
export function lockScript(text: string, { world }: SimulatedSystem): Answer | null {
  if (!text.startsWith("s=$(findmnt -n -v -o SOURCE --target /sysroot")) return null;
  const { rootLock } = world;
  if (rootLock === null) return ok(`${device} ext4        1.0\n/dev/vda\n`);
  const version = rootLock === "luks1" ? 1 : 2;
  return ok(
    `/dev/mapper/root ext4        1.0\n${device}        crypto_LUKS ${version}\n/dev/vda\n`,
  );
}

/** As cryptsetup 2.8 prints it, with the token of systemd-cryptenroll 258. */
export function cryptsetup({ args, system: { world } }: Call): Answer {
  if (args.join(" ") !== `luksDump --dump-json-metadata ${device}`)
    return bad(1, "Device does not exist or access denied.");
  const token = {
    type: "systemd-tpm2",
    keyslots: ["1"],
    "tpm2-blob": "AJ4AIC0=",
    "tpm2-pcrs": [7],
    "tpm2-pcr-bank": "sha256",
    "tpm2-primary-alg": "ecc",
    "tpm2-policy-hash": "00",
    "tpm2-pin": world.rootLock === "pin",
    tpm2_pubkey_pcrs: [],
    tpm2_srk: "gQAA",
  };
  const tokens = world.rootLock === "passphrase" ? {} : { "0": token };
  return ok(JSON.stringify({ keyslots: { "0": { type: "luks2" } }, tokens, config: {} }));
}

/** Whether somebody is asked at a boot; `passphrase` opens the disk besides a token. */
export function asksAtBoot(
  system: SimulatedSystem,
  { tpm }: Pick<MachineSpec, "tpm">,
  passphrase: string | undefined,
): boolean {
  if (system.world.rootLock !== "tpm") return passphrase !== undefined;
  if (tpm?.state === undefined) return true;
  return system.is("tpm-refuses") || (system.is("tpm-forgets") && system.boots.length > 2);
}
