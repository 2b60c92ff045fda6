// The real registry program behind TLS, with an authority of its own, and a password.
import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { findRegistryProgram } from "../../../fixtures/registry-process.ts";
import { freePort } from "../../../harness/base/free-port.ts";
import { type OwnedProcess, runCommand, startProcess } from "../../../harness/base/process.ts";
import { waitFor } from "../../../harness/base/wait.ts";

const { signal } = new AbortController();

export interface GuardedRegistry extends AsyncDisposable {
  /** `localhost:PORT`. */
  readonly host: string;
  /** Holds the certificate of its authority as ca.crt. */
  readonly certDir: string;
  /** A home in whose `.config/containers/certs.d` the same stands, as podman and skopeo look for it (containers-certs.d(5)). */
  readonly home: string;
  /** Credentials that it takes, and ones that it does not take. */
  readonly authFile: string;
  readonly wrongAuthFile: string;
  /** Puts an image under a tag; `from` in skopeo's words. */
  push(from: string, nameAndTag: string): Promise<void>;
}

export const user = "me";
export const password = "staple-of-the-guarded-registry";
/** bcrypt of the password (crypt(5), made with a fixed salt); docker-registry reads nothing else in an htpasswd file. */
const passwordHash = "$2y$05$abcdefghijklmnopqrstuuNQvc8KT4IiRFNNoKEw.GvXxT7LMLP7C";

/** The password in every form that it could come to be written in. */
export const secret = new RegExp(
  `${password}|${Buffer.from(`${user}:${password}`).toString("base64").replace(/=+$/, "")}`,
);

/**
 * Starts it; all that it writes is in `folder`, which is the caller's. It listens on `wishedPort` where that is free: a disk
 * that was made of an image says which reference it follows, so only the same port finds a disk of an earlier run again.
 */
export async function startGuardedRegistry(
  folder: string,
  wishedPort = 0,
): Promise<GuardedRegistry> {
  const certDir = join(folder, "certs");
  await mkdir(certDir, { recursive: true });
  const [certificate, key] = await makeCertificate(folder, certDir);
  await writeFile(join(folder, "htpasswd"), `${user}:${passwordHash}\n`);
  const port = (await isFree(wishedPort)) ? wishedPort : await freePort();
  const host = `localhost:${port}`;
  const home = join(folder, "home");
  const ownCerts = join(home, ".config/containers/certs.d", host);
  await mkdir(ownCerts, { recursive: true });
  await copyFile(join(certDir, "ca.crt"), join(ownCerts, "ca.crt"));
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "guarded") } },
    auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } },
    http: { addr: `127.0.0.1:${port}`, tls: { certificate, key } },
  };
  await writeFile(join(folder, "guarded.yml"), JSON.stringify(config));
  const child = startProcess(await findRegistryProgram(), ["serve", join(folder, "guarded.yml")]);
  const auth = async (name: string, word: string): Promise<string> => {
    const path = join(folder, name);
    const entry = { auth: Buffer.from(`${user}:${word}`).toString("base64") };
    await writeFile(path, JSON.stringify({ auths: { [host]: entry } }));
    await chmod(path, 0o600);
    return path;
  };
  const authFile = await auth("auth.json", password);
  await answers(child, host, certDir);
  const access = [`--dest-cert-dir=${certDir}`, `--dest-authfile=${authFile}`];
  return {
    host,
    certDir,
    home,
    authFile,
    wrongAuthFile: await auth("wrong.json", "not-the-password"),
    async push(from, nameAndTag) {
      const copy = ["--insecure-policy", "copy", "--quiet", "--preserve-digests", ...access];
      await runCommand("skopeo", [...copy, from, `docker://${host}/${nameAndTag}`]);
    },
    [Symbol.asyncDispose]: async () => {
      await child.kill();
    },
  };
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    if (port === 0) return resolve(false);
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** An authority and a certificate of it for localhost. Returns the certificate's file and its key's. */
async function makeCertificate(folder: string, certDir: string): Promise<[string, string]> {
  const [caKey, key] = [join(folder, "ca-key.pem"), join(folder, "key.pem")];
  const [ca, certificate] = [join(certDir, "ca.crt"), join(folder, "certificate.pem")];
  const make = (...words: readonly string[]): Promise<unknown> =>
    runCommand("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-days", "2", ...words],
    ]);
  await make("-keyout", caKey, "-out", ca, "-subj", "/CN=Authority of a test");
  const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const signed = ["-CA", ca, "-CAkey", caKey, "-addext", "basicConstraints=critical,CA:FALSE"];
  await make("-keyout", key, "-out", certificate, "-subj", "/CN=localhost", ...names, ...signed);
  return [certificate, key];
}

/** Waits until it says that it wants credentials. */
async function answers(child: OwnedProcess, host: string, certDir: string): Promise<void> {
  await waitFor({
    what: "the guarded registry to answer",
    probe: async () => {
      const asked = await runCommand("sh", [
        "-c",
        `skopeo inspect --raw --no-creds --cert-dir=${certDir} docker://${host}/none:none 2>&1 || true`,
      ]);
      return /unauthorized/.test(asked.stdout) ? true : undefined;
    },
    timeoutMs: 20_000,
    signal,
    giveUpWhen: child.exited.then((facts) => {
      throw new Error(`The guarded registry ended: ${facts.stderrTail}`);
    }),
  });
}
