/** The keys that a firmware with Secure Boot is to have, as a folder with their certificates. */
import { X509Certificate } from "node:crypto";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf, UsageError } from "./errors.ts";
import { exists } from "./exists.ts";

/** The databases of UEFI 2.10, 32.3: who may change keys, who may change signatures, and whose programs are started. */
export const keyRoles = ["PK", "KEK", "db"] as const;
type KeyRole = (typeof keyRoles)[number];
const endings = ["crt", "pem", "cer"] as const;

/** A certificate has a few kilobytes. */
const maxCertificateBytes = 64 * 1024;

/** Files with one X.509 certificate each, PEM or DER. */
export type OwnKeys = Readonly<Record<KeyRole, string>>;

/** Finds the certificates of a folder and reads them. Throws UsageError that says what is missing or is not a certificate. */
export async function findOwnKeys(folder: string): Promise<OwnKeys> {
  const [PK, KEK, db] = await Promise.all(keyRoles.map((role) => findKey(folder, role)));
  if (PK !== undefined && KEK !== undefined && db !== undefined) return { PK, KEK, db };
  const missing = PK === undefined ? "PK" : KEK === undefined ? "KEK" : "db";
  throw new UsageError(`The folder '${folder}' does not have the certificate ${missing}.`, {
    details: {
      expected: keyRoles.map((role) => `${role}.crt`).join(", "),
      or: `with the ending ${endings.slice(1).join(" or ")}`,
    },
  });
}

/** The folder that somebody named, from `directory`, as what has it takes it. Throws as `findOwnKeys` does. */
export async function namedKeys(
  directory: string,
  folder: string | undefined,
): Promise<{ readonly secureBootKeys?: string }> {
  if (folder === undefined) return {};
  const secureBootKeys = resolve(directory, folder);
  await findOwnKeys(secureBootKeys);
  return { secureBootKeys };
}

async function findKey(folder: string, role: KeyRole): Promise<string | undefined> {
  for (const ending of endings) {
    const path = join(folder, `${role}.${ending}`);
    if (!(await exists(path))) continue;
    await checkCertificate(path);
    return path;
  }
  return undefined;
}

async function checkCertificate(path: string): Promise<void> {
  const bytes = await headOf(path).catch((cause: unknown) => {
    throw notOne(path, messageOf(cause));
  });
  // Of a bundle the first would be taken and the others lost without a word.
  const blocks = bytes.toString("latin1").split("-----BEGIN CERTIFICATE-----").length - 1;
  if (blocks > 1) throw notOne(path, `it has ${blocks} certificates`);
  if (bytes.length === maxCertificateBytes) throw notOne(path, "it is too large");
  try {
    new X509Certificate(bytes);
  } catch (cause) {
    throw notOne(path, messageOf(cause));
  }
}

const notOne = (path: string, why: string): UsageError =>
  new UsageError(`The file '${path}' is not one X.509 certificate.`, {
    details: { why, expected: "what `openssl req -x509` writes, PEM or DER" },
  });

async function headOf(path: string): Promise<Buffer> {
  await using file = await open(path, "r");
  const bytes = Buffer.alloc(maxCertificateBytes);
  const { bytesRead } = await file.read(bytes, 0, maxCertificateBytes, 0);
  return bytes.subarray(0, bytesRead);
}

/** virt-fw-vars(1) with what it needs to be started. */
export interface VariablesProgram {
  readonly file: string;
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
