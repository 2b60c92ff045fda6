/** Verifies a clear-signed file by gpgv(1) and returns what was signed: nothing else of the file is anybody's word. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { readSmallFile } from "../../harness/config/read-small-file.ts";

export interface SignedFile {
  /** How messages call it. */
  readonly name: string;
  readonly bytes: Buffer;
  /** File with the public keys that are trusted, as gpg exports them; also armoured, as in /etc/pki/rpm-gpg. */
  readonly keyring: string;
  readonly signal: AbortSignal;
}

/** The signed text. Throws UsageError for whatever is not a good signature by a key of the keyring; HostUnfit without gpgv. */
export async function verifiedText({ name, bytes, keyring, signal }: SignedFile): Promise<string> {
  const keys = await readSmallFile(keyring, { what: "keyring", maxBytes: 16 * 1024 * 1024 });
  await using workspace = await createWorkspace("signature");
  const keyFile = join(workspace.path, "keyring.gpg");
  const signed = join(workspace.path, "signed");
  await writeFile(keyFile, dearmour(keys));
  await writeFile(signed, bytes);
  const { exitCode, stdout, stderr } = await attemptCommand(
    "gpgv",
    [
      ...["--homedir", workspace.path, "--keyring", keyFile],
      ...["--status-fd", "2", "--output", "-", "--", signed],
    ],
    { signal, timeoutMs: 60_000, env: { LC_ALL: "C" } },
  );
  if (isGood(stderr, exitCode)) return stdout;
  const status = (word: string): boolean =>
    new RegExp(`^\\[GNUPG:\\] ${word}\\b`, "m").test(stderr);
  const reason = status("BADSIG")
    ? "what it says was changed after it was signed"
    : status("NO_PUBKEY")
      ? "it is signed by a key that is not in the keyring"
      : status("(?:EXPKEYSIG|REVKEYSIG|EXPSIG)")
        ? "the key or the signature has expired or was revoked"
        : "it is not signed";
  throw new UsageError(`The signature of '${name}' is not good: ${reason}.`, {
    details: {
      keyring,
      expected: status("NEWSIG") ? undefined : clearSigned,
      said: stderr
        .replaceAll(/^\[GNUPG:\].*\n?/gm, "")
        .trim()
        .slice(-500),
    },
  });
}

const clearSigned =
  "a list that is clear-signed, as Fedora's CHECKSUM is; a signature in a file of its own is not taken";

/**
 * Whether a key of the keyring signed what gpgv gave out. GOODSIG is not said of a key or signature that expired or was
 * revoked (GnuPG's doc/DETAILS). gpgv fails where one of several signatures is by a key that it does not have, and only then
 * its words count: one text, and of each other signature no more than that (ERRSIG, reason 9).
 */
function isGood(said: string, exitCode: number): boolean {
  const lines = said.split("\n").filter((line) => line.startsWith("[GNUPG:] "));
  const has = (word: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`[GNUPG:] ${word} `));
  if (has("GOODSIG").length === 0) return false;
  const harmless =
    /^\[GNUPG:\] (?:PLAINTEXT|PLAINTEXT_LENGTH|NEWSIG|KEY_CONSIDERED|SIG_ID|GOODSIG|VALIDSIG|NO_PUBKEY|NOTATION_\w+|ERRSIG (?:\S+ ){5}9)(?: |$)/;
  return (
    exitCode === 0 ||
    (exitCode === 2 && has("PLAINTEXT").length === 1 && lines.every((line) => harmless.test(line)))
  );
}

/** gpgv reads binary keyrings only; armour is base64 with headers and a checksum line (RFC 9580, 6.2). */
function dearmour(keys: Buffer): Buffer {
  const text = keys.toString("latin1");
  const blocks = text.split("-----BEGIN PGP PUBLIC KEY BLOCK-----").slice(1);
  if (blocks.length === 0) return keys;
  return Buffer.concat(
    blocks.map((block) => {
      const [armour = ""] = block.split("-----END PGP PUBLIC KEY BLOCK-----");
      const lines = armour.split(/\r?\n/).slice(1);
      const body = lines.slice(lines.findIndex((line) => line.trim() === "") + 1);
      return Buffer.from(body.filter((line) => !line.startsWith("=")).join(""), "base64");
    }),
  );
}
