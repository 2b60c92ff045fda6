// Names, certificates and credentials with which a registry cannot be had, each with the right blame.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { OriginOptions } from "../../images/origins/open-oci.ts";
import { openOci } from "../../images/origins/open-oci.ts";
import { parseReference } from "../../images/origins/reference.ts";
import {
  type GuardedRegistry,
  secret,
  startGuardedRegistry,
} from "../contract/support/guarded-registry.ts";
import { type MadeImage, makeImage } from "../contract/support/image-maker.ts";
import { errorOf, openRegistryLab, type RegistryLab } from "../contract/support/registry-lab.ts";

let lab: RegistryLab;
let guarded: GuardedRegistry;
let made: MadeImage;
beforeAll(async () => {
  lab = await openRegistryLab();
  guarded = await startGuardedRegistry(lab.folder);
  made = await makeImage(join(lab.folder, "made"), { sizes: [300_000, 400_000] });
  await lab.push(made, "os:v1");
  await guarded.push(`dir:${made.folder}`, "os:v1");
});
afterAll(async () => {
  await guarded[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});
beforeEach(() => {
  lab.meddle = null;
  lab.progress.length = 0;
});

let count = 0;
const fresh = (): { cacheDir: string } => ({ cacheDir: join(lab.folder, `cache${count++}`) });
const open = (text: string, more: Partial<OriginOptions> = {}): Promise<unknown> =>
  openOci(
    { kind: "registry", reference: parseReference(text) },
    text,
    lab.options({ ...fresh(), ...more }),
  );

describe("where the registry cannot be had", () => {
  test.each([
    [
      "a name that nobody knows",
      "no-such-host.invalid/os:v1",
      "HostUnfit",
      /name 'no-such-host.invalid' of the registry cannot be resolved/,
    ],
    [
      "a port where nobody listens",
      "127.0.0.1:9/os:v1",
      "HostUnfit",
      /'127.0.0.1:9' does not accept connections/,
    ],
  ])("%s", async (_, text, name, words) => {
    const error = await errorOf(open(text));
    expect(error.name).toBe(name);
    expect(error.text).toMatch(words);
  });

  test("HTTP where TLS was expected", async () => {
    const error = await errorOf(open(`${lab.host}/os:v1`, { access: {} }));
    expect(error.name).toBe("UsageError");
    expect(error.text).toMatch(/speaks HTTP without TLS[\s\S]*--tls-verify false/);
  });
});

describe("TLS and a password", () => {
  const access = (authFile?: string): { access: NonNullable<OriginOptions["access"]> } => ({
    access: { certDir: guarded.certDir, ...(authFile === undefined ? {} : { authFile }) },
  });

  test("with the right ones the image comes, and the password is on no command line", async () => {
    // Whatever is started for it writes down its command line first.
    const bin = join(lab.folder, "bin");
    const log = join(lab.folder, "argv.log");
    await mkdir(bin);
    const script = `#!/bin/sh\nprintf '%s ' "$@" >> ${log}\nexec /usr/bin/setpriv "$@"\n`;
    await writeFile(join(bin, "setpriv"), script, { mode: 0o755 });
    const path = process.env.PATH;
    process.env.PATH = `${bin}:${path}`;
    try {
      const { facts } = (await open(`${guarded.host}/os:v1`, access(guarded.authFile))) as {
        facts: { digest: string };
      };
      expect(facts.digest).toBe(made.digest);
    } finally {
      process.env.PATH = path;
    }
    const argv = await readFile(log, "utf8");
    expect(argv).toMatch(/skopeo .*--src-authfile=/);
    expect(argv).not.toMatch(secret);
    expect(argv).not.toMatch(/creds|password/);
  });

  test.each<[string, () => Partial<OriginOptions>, RegExp]>([
    [
      "an authority that nobody trusts",
      () => ({ access: { authFile: guarded.authFile } }),
      /certificate of the registry .* is not trusted here[\s\S]*--cert-dir/,
    ],
    [
      "no credentials",
      () => access(join(lab.folder, "empty.json")),
      /credentials are missing or refused[\s\S]*--authfile/,
    ],
    [
      "wrong credentials",
      () => access(guarded.wrongAuthFile),
      /credentials are missing or refused/,
    ],
    [
      "a file of credentials that is not there",
      () => access("/nowhere/auth.json"),
      /file of credentials '\/nowhere\/auth.json' does not exist/,
    ],
    [
      "a file of credentials that is not one",
      () => access(join(guarded.certDir, "ca.crt")),
      /file with the credentials for registries cannot be used/,
    ],
    [
      "a folder of certificates that is not there",
      () => ({ access: { certDir: join(guarded.certDir, "missing") } }),
      /folder of certificates '.*\/missing' does not exist/,
    ],
  ])("%s", async (_, more, words) => {
    await writeFile(join(lab.folder, "empty.json"), "{}");
    const error = await errorOf(open(`${guarded.host}/os:v1`, more()));
    expect(error.text).toMatch(words);
    expect(error.name).toBe("UsageError");
    expect(error.text).not.toContain("not-the-password");
  });

  test("a credential helper that fails: what it printed is not told", async () => {
    const bin = join(lab.folder, "helpers");
    await mkdir(bin);
    const script = `#!/bin/sh\nprintf '{"Username":"me","Secret":"5ecret"}%20000s' 5ecret; exit 1\n`;
    await writeFile(join(bin, "docker-credential-leak"), script, { mode: 0o755 });
    const authFile = join(lab.folder, "helper.json");
    await writeFile(authFile, JSON.stringify({ credHelpers: { [guarded.host]: "leak" } }));
    const path = process.env.PATH;
    process.env.PATH = `${bin}:${path}`;
    try {
      const error = await errorOf(open(`${guarded.host}/os:v1`, access(authFile)));
      expect(error.name).toBe("UsageError");
      expect(error.text).toMatch(/credentials for registries cannot be used[\s\S]*out: `…`/);
      expect(error.text).not.toContain("5ecret");
    } finally {
      process.env.PATH = path;
    }
  });

  test.each(["os:v2", "other:v1"])("'%s' that the registry does not have", async (name) => {
    const error = await errorOf(open(`${guarded.host}/${name}`, access(guarded.authFile)));
    expect(error.name).toBe("UsageError");
    expect(error.text).toMatch(/does not have[\s\S]*skopeo list-tags/);
  });
});
