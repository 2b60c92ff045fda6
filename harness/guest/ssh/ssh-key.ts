/**
 * The harness's own SSH key. It lives in the cache and not in a run: a template that was frozen with this key must let
 * later runs in. Only the private key is stored; the public one follows from it, so there is no pair to tear apart.
 */
import { chmod, link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ssh2 from "ssh2";
import { HostUnfit } from "../../base/errors.ts";
import { ownerLabel } from "../../base/workspace.ts";

export interface SshKey {
  /** OpenSSH private key file content. */
  readonly privateKey: string;
  /** One line of authorized_keys(5): type and base64. */
  readonly publicKey: string;
}

/** The key in `dir`, made on first use. Two processes at once get the same key. Throws HostUnfit for a damaged key file. */
export async function ensureSshKey(dir: string): Promise<SshKey> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, "id_ed25519");
  const stored = await readFile(path, "utf8").catch(() => null);
  if (stored === null) await createKeyFile(path);
  const privateKey = stored ?? (await readFile(path, "utf8"));
  const publicKey = publicKeyOf(privateKey);
  if (publicKey === null) {
    throw new HostUnfit("The harness's SSH key is damaged.", {
      details: {
        "how to": `rm ${path}; the next run makes a new one and boots its templates again`,
      },
      lookAt: path,
    });
  }
  return { privateKey, publicKey };
}

/** The authorized_keys line of a private key, or null when it is none. */
export function publicKeyOf(privateKey: string): string | null {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) return null;
  return `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`;
}

let counter = 0;

/** link(2) is atomic and never replaces: the second process keeps the first one's key. */
async function createKeyFile(path: string): Promise<void> {
  const draft = `${path}.${ownerLabel()}.${counter++}`;
  try {
    await writeFile(draft, newPrivateKey(), { mode: 0o600, flag: "wx" });
    await chmod(draft, 0o600);
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** A key that was seen to sign and verify. About one in 600 that ssh2 makes cannot be read, which would show as a refused login. */
export function newPrivateKey(): string {
  for (let tries = 0; tries < 5; tries++) {
    const { private: text } = ssh2.utils.generateKeyPairSync("ed25519", { comment: "bootgate" });
    const key = ssh2.utils.parseKey(text);
    if (key instanceof Error) continue;
    const message = Buffer.from("bootgate");
    const signature = key.sign(message);
    if (!(signature instanceof Error) && key.verify(message, signature) === true) return text;
  }
  throw new HostUnfit("No working SSH key could be made on this host.");
}
