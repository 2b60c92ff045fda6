/** The keys of a firmware by the folder that has their certificates, and what a guest's firmware says of itself. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CannotTell, UsageError } from "../../harness/base/errors.ts";
import { findOwnKeys } from "../../harness/base/secure-boot-keys.ts";
import { expectSecureBoot, flagOf, secureBootOf } from "../../harness/guest/tools/secure-boot.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=test" -days 36500`
const pem = `-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUK8LNNfot8LUywt9H2Djos/SKzpkwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjcxNDMwNDVaGA8yMTI2MTEwMzE0MzA0
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEZi
PMPzemYPpyEmbwhl2mrZJkHbhwsamT360edfci/QhXCdUKNqTcvChtjorr65OAGI
8rLUQJHqcFDZnFiuahyjUzBRMB0GA1UdDgQWBBRP+2mgHxq2Ayb0ALEi1gxxjCGu
FTAfBgNVHSMEGDAWgBRP+2mgHxq2Ayb0ALEi1gxxjCGuFTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIFjgp2lJn7Lt3XRLhiJB57sK/4uOjkxr8qb0
oYAj0cH+AiAuq8xt13uQIfpa/pwMT1uPA8UtoGOkiX98Vvw+U37PIg==
-----END CERTIFICATE-----
`;

describe("a folder of certificates", () => {
  const der = Buffer.from(pem.replaceAll(/-----.*-----|\n/g, ""), "base64");

  test("is read by role, whatever they end in", async () => {
    await using at = await temporaryFolder();
    for (const name of ["PK.crt", "KEK.pem"]) await writeFile(join(at.path, name), pem);
    await writeFile(join(at.path, "db.cer"), der);
    expect(await findOwnKeys(at.path)).toEqual({
      PK: join(at.path, "PK.crt"),
      KEK: join(at.path, "KEK.pem"),
      db: join(at.path, "db.cer"),
    });
  });

  test("that lacks one is refused by its name", async () => {
    await using at = await temporaryFolder();
    for (const name of ["PK.crt", "db.crt"]) await writeFile(join(at.path, name), pem);
    const found = findOwnKeys(at.path);
    await expect(found).rejects.toThrow(UsageError);
    await expect(found).rejects.toThrow(/does not have the certificate KEK\./);
  });

  test.each([
    ["a private key", "-----BEGIN PRIVATE KEY-----\n"],
    ["a bundle, of which the first alone would be taken", `${pem}${pem}`],
    ["half of one", pem.slice(0, 200)],
    ["a sequence that is another thing", Buffer.from([0x30, 0x82, 0, 4, 2, 1, 1, 0])],
    ["an endless file", `${pem}${"x".repeat(70_000)}`],
    ["an empty one", ""],
  ])("with %s in it is refused", async (_, content) => {
    await using at = await temporaryFolder();
    for (const name of ["PK.crt", "KEK.crt"]) await writeFile(join(at.path, name), pem);
    await writeFile(join(at.path, "db.crt"), content);
    const found = findOwnKeys(at.path);
    await expect(found).rejects.toThrow(UsageError);
    await expect(found).rejects.toThrow(/db\.crt' is not one X\.509 certificate/);
  });

  test("with a folder in the place of one is refused", async () => {
    await using at = await temporaryFolder();
    for (const name of ["PK.crt", "KEK.crt"]) await writeFile(join(at.path, name), pem);
    await mkdir(join(at.path, "db.crt"));
    await expect(findOwnKeys(at.path)).rejects.toThrow(/db\.crt' is not one X\.509 certificate/);
  });
});

/** A guest with these files alone. */
const guest = (files: Readonly<Record<string, string>>) => {
  const none = async (): Promise<never> => Promise.reject(new Error("not asked for"));
  const read = async (path: string): Promise<string | null> => {
    const [name = ""] = path.replace(/^.*\//, "").split("-");
    return files[name] ?? null;
  };
  return { name: "candidate", files: { read, write: none, remove: none, sha256: none } };
};
const [on, off] = ["\x06\0\0\0\x01", "\x06\0\0\0\0"];

test.each([
  [on, true],
  [off, false],
  ["", false],
  ["\x06\0\0\0", false],
  ["\x06\0\0\0\x01\n", false],
])("a variable of the firmware: %j", (content, is) => expect(flagOf(content)).toBe(is));

test.each([
  ["enforced", { SecureBoot: on, SetupMode: off }, true],
  ["enforced by one that does not tell its mode", { SecureBoot: on }, true],
  ["not enforced", { SecureBoot: off, SetupMode: off }, false],
  ["not enforced while anybody may set keys", { SecureBoot: on, SetupMode: on }, false],
  ["not told", {}, null],
])("Secure Boot is %s", async (_, files, is) => {
  expect(await secureBootOf(guest(files)).enforced()).toBe(is);
  const expected = expectSecureBoot(guest(files));
  if (is === true) await expected;
  // The firmware is the machine's, never the image's.
  else await expect(expected).rejects.toThrow(CannotTell);
});

test.each([
  ["none [integrity] confidentiality\n", "integrity"],
  ["[none] integrity confidentiality\n", "none"],
  ["", null],
])("the kernel's lockdown: %j", async (lockdown, level) =>
  expect(await secureBootOf(guest({ lockdown })).lockdown()).toBe(level),
);
