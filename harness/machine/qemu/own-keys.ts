/**
 * Firmware that trusts keys of one's own: certificates of a folder are written into a copy of the firmware's variable store, so
 * that it starts what those keys have signed and nothing else. Who brings no keys gets those that machines come with.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import { runCommand } from "../../base/process.ts";
import { draftOf } from "../../base/write-whole.ts";
import type { FlashFirmware } from "./firmware.ts";

/** The databases of UEFI 2.10, 32.3: who may change keys, who may change signatures, and whose programs are started. */
export const keyRoles = ["PK", "KEK", "db"] as const;
type KeyRole = (typeof keyRoles)[number];
const endings = ["crt", "pem", "cer"] as const;

/** A certificate has a few kilobytes. */
const maxCertificateBytes = 64 * 1024;

/** Files with one X.509 certificate each, PEM or DER. */
export type OwnKeys = Readonly<Record<KeyRole, string>>;

/** The owner of the signatures, as any GUID: nothing asks who it is (UEFI 2.10, 32.4.1, SignatureOwner). */
const owner = "6f3b0e5a-6c1d-4d3e-9d52-0f2f6b6f7467";

/** Finds the certificates of a folder. Throws UsageError that says what is missing or is not a certificate. */
export async function findOwnKeys(folder: string): Promise<OwnKeys> {
  const found = await Promise.all(keyRoles.map((role) => findKey(folder, role)));
  const missing = keyRoles.filter((_, index) => found[index] === null);
  if (missing.length > 0)
    throw new UsageError(`The folder '${folder}' does not have the certificate ${missing[0]}.`, {
      details: {
        expected: keyRoles.map((role) => `${role}.crt`).join(", "),
        or: `with the ending ${endings.slice(1).join(" or ")}`,
      },
    });
  const [pk, kek, db] = found as readonly string[];
  return { PK: pk ?? "", KEK: kek ?? "", db: db ?? "" };
}

async function findKey(folder: string, role: KeyRole): Promise<string | null> {
  for (const ending of endings) {
    const path = join(folder, `${role}.${ending}`);
    if (!(await exists(path))) continue;
    const head = await headOf(path);
    // A PEM block, or the SEQUENCE that a certificate is (X.509, DER).
    const isCertificate =
      head.includes("-----BEGIN CERTIFICATE-----") || (head[0] === 0x30 && head[1] === 0x82);
    if (isCertificate && head.length < maxCertificateBytes) return path;
    throw new UsageError(`The file '${path}' is not an X.509 certificate.`, {
      details: { expected: "one certificate, as `openssl req -x509` writes it" },
    });
  }
  return null;
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(maxCertificateBytes);
    const { bytesRead } = await file.read(bytes, 0, maxCertificateBytes, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** virt-fw-vars(1) with what it needs to be started. */
export interface VariablesProgram {
  readonly file: string;
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

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
  const folder = join(cacheDir, "secure-boot");
  const target = join(folder, `${parts.digest("hex").slice(0, 24)}.${format}`);
  if (!(await exists(target))) {
    const { file, words, env } = await program(signal);
    await mkdir(folder, { recursive: true });
    const draft = draftOf(target);
    try {
      await copyFile(path, draft);
      const enrolled = [
        ...["--set-pk", owner, keys.PK],
        ...["--add-kek", owner, keys.KEK],
        ...["--add-db", owner, keys.db],
      ];
      await runCommand(file, [...words, "--inplace", draft, ...enrolled, "--secure-boot"], {
        signal,
        timeoutMs: 120_000,
        ...(env === undefined ? {} : { env }),
      });
      await rename(draft, target);
    } finally {
      await rm(draft, { force: true });
    }
  }
  return { ...firmware, varsTemplate: { path: target, format } };
}
