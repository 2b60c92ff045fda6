/** The TPM of a run's machines, as the command line and a matrix say it. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Command } from "commander";
import { readSmallFile } from "../../config/read-small-file.ts";
import type { Tpm } from "../../machine/machine.ts";

export interface TpmOptions {
  readonly tpm?: boolean;
  readonly tpmState?: string;
}

/** What swtpm keeps takes some kilobytes. */
const maxBytes = 1024 * 1024;

/** `--tpm` and `--tpm-state`. */
export const addTpmOptions = (command: Command): Command =>
  command
    .option("--tpm", "each machine has a TPM 2.0, a new one (needs swtpm)")
    .option(
      "--tpm-state <file>",
      "the same with what the TPM holds that the disks were closed with: swtpm's tpm2-00.permall, of which each machine has a copy",
    );

/** The TPM that was asked for; undefined where none was. Throws UsageError for a file that cannot be its state. */
export async function askedTpm({ tpm, tpmState }: TpmOptions): Promise<Tpm | undefined> {
  if (tpmState === undefined) return tpm === true ? {} : undefined;
  const bytes = await readSmallFile(tpmState, { what: "state of a TPM", maxBytes });
  const contentDigest = createHash("sha256").update(bytes).digest("hex");
  return { state: { path: resolve(tpmState), contentDigest } };
}

/** The TPM of a matrix's machine: what it says itself, else what the command line says. */
export function tpmOfMachine(said: boolean | undefined, asked: Tpm | undefined): Tpm | undefined {
  if (said === undefined) return asked;
  return said ? (asked ?? {}) : undefined;
}
