/** Keys put into a real firmware's variable store by the real virt-fw-vars, and read back by it. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { findOwnKeys } from "../../harness/base/secure-boot-keys.ts";
import { cacheRoot } from "../../harness/base/workspace.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import { descriptorFolders, findFirmware } from "../../harness/machine/qemu/firmware.ts";
import { withOwnKeys } from "../../harness/machine/qemu/own-keys.ts";
import { provideVirtFwVars } from "../../images/secure-boot/virt-firmware.ts";

const { signal } = new AbortController();
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-keys-"));
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  for (const role of ["PK", "KEK", "db"]) {
    const files = ["-keyout", join(folder, "private.key"), "-out", join(folder, `${role}.crt`)];
    await runCommand("openssl", ["req", "-x509", ...kind, "-subj", `/CN=test ${role}`, ...files]);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const program = () =>
  provideVirtFwVars({ cacheDir: cacheRoot(), onProgress: () => undefined, signal });
const emptyFirmware = async () => {
  const facts = architectureFacts.x86_64;
  const found = await findFirmware("uefi-secure-boot", "x86_64", facts, descriptorFolders(), true);
  if (found === null) throw new Error("UEFI is never built in");
  return found;
};

test("the store has these keys and enforces them, and is made once", async () => {
  const cacheDir = join(folder, "cache");
  const found = await emptyFirmware();
  const keys = await findOwnKeys(folder);
  const made = await withOwnKeys(found, keys, { cacheDir, program, signal });
  expect(made).toEqual({ ...found, varsTemplate: { ...made.varsTemplate } });
  const { file, words, env } = await program();
  const printed = await attemptCommand(file, [...words, "-i", made.varsTemplate.path, "-p", "-v"], {
    signal,
    ...(env === undefined ? {} : { env }),
  });
  expect(printed.stdout).toMatch(/name=SecureBootEnable .*\n +bool: ON/);
  for (const role of ["PK", "KEK", "db"]) expect(printed.stdout).toContain(`test ${role}`);
  expect(printed.stdout).not.toContain("Microsoft");
  const again = await withOwnKeys(found, keys, { cacheDir, program: neverAsked, signal });
  expect(again).toEqual(made);
});

const neverAsked = () => Promise.reject(new Error("asked for a program"));

test("what the program refuses leaves no store behind", async () => {
  const cacheDir = join(folder, "refused");
  const broken = async () => ({ ...(await program()), words: ["-c", "raise SystemExit(3)"] });
  const made = withOwnKeys(await emptyFirmware(), await findOwnKeys(folder), {
    cacheDir,
    program: broken,
    signal,
  });
  await expect(made).rejects.toThrow(HostUnfit);
  await expect(readdir(cacheDir)).rejects.toThrow("ENOENT");
});
