/** The decisions of a matrix's variants and bases as files: `decisions/variants/LABEL/`, `decisions/bases/1/`, beside the decision about all. */
import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, messageOf } from "../../base/errors.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { type DecidedPart, partsFolder } from "../../gate/verdict/decide-all.ts";
import { type Decision, decisionFile } from "../../gate/verdict/decision.ts";

/** Written beside each decision. */
export const greenwaveFile = "greenwave.json";

/**
 * Writes them below `folder`, after those of an earlier verdict are gone: who promotes would find one of a variant that this run does not have. Throws HostUnfit where they cannot be written.
 */
export async function writeParts(
  parts: readonly DecidedPart[],
  folder: string,
  write: (decision: Decision, path: string) => Promise<void>,
): Promise<void> {
  for (const kind of ["variants", "bases"]) {
    const all = join(folder, partsFolder, kind);
    const old = await readdir(all, { withFileTypes: true }).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw unfit(`Earlier decisions in '${all}' cannot be listed`, cause);
    });
    for (const entry of old) if (entry.isDirectory()) await removeOwn(join(all, entry.name));
    await rmdir(all).catch(() => undefined);
  }
  for (const { decision, folder: own } of parts) {
    const path = join(folder, own);
    await makeFolder(path).catch((cause: unknown) => {
      throw unfit(`'${path}' cannot be made`, cause);
    });
    await write(decision, join(path, decisionFile));
  }
  await rmdir(join(folder, partsFolder)).catch(() => undefined);
}

/** Only what a verdict writes: a folder that has something else in it stays with that. */
async function removeOwn(folder: string): Promise<void> {
  for (const name of [decisionFile, greenwaveFile])
    await rm(join(folder, name), { force: true }).catch((cause: unknown) => {
      throw unfit(`An earlier decision in '${folder}' cannot be removed`, cause);
    });
  await rmdir(folder).catch(() => undefined);
}

const unfit = (what: string, cause: unknown): HostUnfit =>
  new HostUnfit(`${what}: ${messageOf(cause)}.`, { cause });
