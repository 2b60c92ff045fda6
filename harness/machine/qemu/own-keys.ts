/**
 * Firmware that trusts keys of one's own: certificates of a folder are written into a copy of the firmware's variable store, so
 * that it starts what those keys have signed and nothing else. Who brings no keys gets those that machines come with.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../base/exists.ts";
import { runCommand } from "../../base/process.ts";
import { keyRoles, type OwnKeys, type VariablesProgram } from "../../base/secure-boot-keys.ts";
import { createWorkspace } from "../../base/workspace.ts";
import { writeWhole } from "../../base/write-whole.ts";
import type { FlashFirmware } from "./firmware.ts";

/** The owner of the signatures, as any GUID: nothing asks who it is (UEFI 2.10, 32.4.1, SignatureOwner). */
const owner = "6f3b0e5a-6c1d-4d3e-9d52-0f2f6b6f7467";

/** What writes variable stores, found or fetched when it is first needed. */
export type FindVariablesProgram = (signal: AbortSignal) => Promise<VariablesProgram>;

/**
 * The same firmware with a variable store that has these keys, kept in the cache by what it was made of. Throws HostUnfit where
 * the program that writes it cannot be had or refuses the certificates.
 */
export async function withOwnKeys(
  firmware: FlashFirmware,
  keys: OwnKeys,
  {
    cacheDir,
    program,
    signal = AbortSignal.timeout(600_000),
  }: {
    readonly cacheDir: string;
    readonly program: FindVariablesProgram;
    readonly signal?: AbortSignal;
  },
): Promise<FlashFirmware> {
  const { path, format } = firmware.varsTemplate;
  const parts = createHash("sha256").update(await readFile(path));
  for (const role of keyRoles) parts.update(await readFile(keys[role]));
  const folder = join(cacheDir, "secure-boot", parts.digest("hex").slice(0, 12));
  const target = join(folder, `vars.${format}`);
  if (!(await exists(target))) {
    const { file, words, env } = await program(signal);
    await using workspace = await createWorkspace("keys");
    const made = join(workspace.path, "vars");
    await copyFile(path, made);
    const enrolled = [
      ...["--set-pk", owner, keys.PK],
      ...["--add-kek", owner, keys.KEK],
      ...["--add-db", owner, keys.db],
    ];
    await runCommand(file, [...words, "--inplace", made, ...enrolled, "--secure-boot"], {
      signal,
      timeoutMs: 120_000,
      ...(env === undefined ? {} : { env }),
    });
    await mkdir(folder, { recursive: true });
    await writeWhole(target, await readFile(made));
  }
  return { ...firmware, varsTemplate: { path: target, format } };
}
