// Lists of checksums with real OpenPGP signatures: made by gpg, verified by gpgv.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { loadCatalogue } from "../../images/catalogue.ts";
import { checksumOf, type KnownChecksum } from "../../images/origins/checksum-wish.ts";
import { resolveImage } from "../../images/resolve.ts";
import { gptDisk } from "../contract/support/disks.ts";
import { fileAnswer, serve } from "../contract/support/https-server.ts";
import { fedora, pack } from "./support/installer-iso.ts";

const { signal } = new AbortController();
const quiet = { signal, onProgress: () => undefined, pauseMs: 1 };
const name = "os-43.x86_64.raw.gz";
const content = gzipSync(gptDisk());
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const hex = sha256(content);
const list = `# ${name}: ${content.length} bytes\nSHA256 (${name}) = ${hex}\n`;

let place: Workspace;
const at = (file: string): string => join(place.path, file);
const gpg = (...words: string[]) =>
  runCommand("gpg", ["--homedir", at("keys"), "--batch", "--quiet", "--yes", ...words]);

beforeAll(async () => {
  place = await createWorkspace("checksums");
  await mkdir(at("keys"), { mode: 0o700 });
  for (const user of ["fedora", "stranger"]) {
    await gpg("--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never");
    await gpg("--output", at(`${user}.gpg`), "--export", user);
  }
  await gpg("--armor", "--output", at("fedora.asc"), "--export", "fedora");
  await writeFile(at("list"), list);
  for (const user of ["fedora", "stranger"])
    await gpg("--local-user", user, "--output", at(`CHECKSUM-${user}`), "--clearsign", at("list"));
  const both = ["--local-user", "fedora", "--local-user", "stranger"];
  await gpg(...both, "--output", at("CHECKSUM-both"), "--clearsign", at("list"));
  const detach = ["--armor", "--detach-sign", "--output", at("CHECKSUM.asc")];
  await gpg("--local-user", "fedora", ...detach, at("list"));
  const good = await readFile(at("CHECKSUM-fedora"), "utf8");
  await writeFile(at("CHECKSUM-two"), good + (await readFile(at("CHECKSUM-stranger"), "utf8")));
  const signed = await readFile(at("CHECKSUM-both"), "utf8");
  await writeFile(at("CHECKSUM-both-changed"), signed.replace(hex, "0".repeat(64)));
  await writeFile(at("CHECKSUM-changed"), good.replace(hex, "0".repeat(64)));
  await writeFile(at("CHECKSUM-around"), `SHA256 (${name}) = ${"0".repeat(64)}\n${good}`);
  await writeFile(at("CHECKSUM-plain"), list);
});
afterAll(async () => {
  await runCommand("gpgconf", ["--homedir", at("keys"), "--kill", "all"]);
  await place[Symbol.asyncDispose]();
});

const known = (checksum: string, keyring?: string, file = name): Promise<KnownChecksum> =>
  checksumOf(
    file,
    { checksum, cwd: place.path, ...(keyring === undefined ? {} : { keyring }) },
    quiet,
  );

test.each(["fedora.gpg", "fedora.asc"])(
  "a good signature by a key of %s proves the list",
  async (keyring) => {
    expect(await known("CHECKSUM-fedora", keyring)).toEqual({ sha256: hex, notes: [] });
  },
);

test.each(["fedora.gpg", "stranger.gpg"])(
  "of a list that two keys signed the one in %s is enough",
  async (keyring) => {
    expect(await known("CHECKSUM-both", keyring)).toEqual({ sha256: hex, notes: [] });
  },
);

test("nothing around the signed text counts, with and without a keyring", async () => {
  expect((await known("CHECKSUM-around", "fedora.gpg")).sha256).toBe(hex);
  expect((await known("CHECKSUM-around")).sha256).toBe(hex);
});

test("without a keyring it is said that nothing was verified", async () => {
  expect((await known("CHECKSUM-fedora")).notes).toEqual([
    "The signature of the list of checksums 'CHECKSUM-fedora' was not verified: no keyring was named (--keyring, or 'keyring' of an entry of a catalogue).",
  ]);
  expect((await known("CHECKSUM-plain")).notes.join()).toMatch(/not verified: it has none/);
});

test.each<[string, string, RegExp]>([
  ["CHECKSUM-changed", "fedora.gpg", /is not good: what it says was changed after it was signed/],
  [
    "CHECKSUM-stranger",
    "fedora.gpg",
    /is not good: it is signed by a key that is not in the keyring/,
  ],
  ["CHECKSUM-both-changed", "fedora.gpg", /is not good: what it says was changed/],
  ["CHECKSUM-two", "fedora.gpg", /is not good/],
  ["CHECKSUM-plain", "fedora.gpg", /is not good: it is not signed[\s\S]*expected +.*clear-signed/],
  ["CHECKSUM.asc", "fedora.gpg", /is not good: it is not signed[\s\S]*in a file of its own/],
  ["CHECKSUM-fedora", "nowhere.gpg", /The keyring '.*nowhere.gpg' does not exist/],
  ["CHECKSUM-fedora", "list", /is not good/],
])("%s is refused with the keyring %s", async (file, keyring, words) => {
  await expect(known(file, keyring)).rejects.toThrow(words);
  await expect(known(file, keyring)).rejects.toBeInstanceOf(UsageError);
});

test("a name that is not listed, or listed twice, is refused", async () => {
  await expect(known("CHECKSUM-plain", undefined, "other.raw")).rejects.toThrow(
    /does not name 'other.raw'[\s\S]*os-43/,
  );
  await writeFile(at("twice"), `${list}SHA256 (${name}) = ${"0".repeat(64)}\n`);
  await expect(known("twice")).rejects.toThrow(/several checksums for 'os-43/);
  await expect(known("missing")).rejects.toThrow(/does not exist/);
});

test("an image is named by its URL and that of its signed list, and boots from what was downloaded", async () => {
  const signed = await readFile(at("CHECKSUM-fedora"));
  await using server = await serve(place.path, (request, response) =>
    fileAnswer(request.url === `/${name}` ? content : signed)(request, response),
  );
  const lines: string[] = [];
  const options = {
    catalogue: { path: "c.yaml", directory: place.path, images: {} },
    cacheDir: at("cache"),
    cwd: place.path,
    signal,
    onProgress: (line: string) => lines.push(line),
    reference: () => Promise.reject(new Error("Nothing of this is built.")),
    checksum: `${server.origin}/CHECKSUM`,
    ca: server.ca,
  };
  const url = `${server.origin}/${name}`;
  const image = await resolveImage(url, { ...options, keyring: "fedora.gpg" });
  expect(image).toMatchObject({ name: url, digest: `sha256:${hex}`, architecture: "x86_64" });
  expect((await readFile(image.disk?.path ?? "")).equals(gptDisk())).toBe(true);
  expect(image.notes?.join()).not.toMatch(/not verified/);
  const unproved = await resolveImage(url, options);
  expect(unproved.notes?.join()).toMatch(/was not verified: no keyring was named/);
  // The list again, the file not.
  expect(server.asked).toEqual(["/CHECKSUM", `/${name}`, "/CHECKSUM"]);
  await expect(resolveImage(url, { ...options, keyring: "stranger.gpg" })).rejects.toThrow(
    /is not good/,
  );
});

test("an entry of a catalogue names the keys that signed its list", async () => {
  const disk = at(name);
  await writeFile(disk, content);
  const path = at("catalogue.yaml");
  const resolving = async (keyring: string) => {
    const entry = `  os:\n    kind: files\n    summary: x\n    source: x\n    architecture: x86_64\n    disk: ${name}\n    checksum: CHECKSUM-fedora\n    keyring: ${keyring}\n`;
    await writeFile(path, `images:\n${entry}`);
    return await resolveImage("os", {
      catalogue: await loadCatalogue(path),
      ...{ cacheDir: at("cache"), cwd: "/", signal, onProgress: () => undefined },
      reference: () => Promise.reject(new Error("Nothing of this is built.")),
    });
  };
  expect((await resolving("fedora.gpg")).notes?.join() ?? "").not.toMatch(/not verified/);
  await expect(resolving("stranger.gpg")).rejects.toThrow(/is not good/);
});

/** An image `os` of the catalogue that is an ISO. `where`: its address; `keyring`: a file beside the catalogue. */
async function resolveIsoEntry(
  { where, checksum, keyring }: { where: string; checksum: string; keyring: string },
  more: { readonly ca?: string } = {},
) {
  const path = at("isos.yaml");
  const entry = `  os:\n    kind: installer\n    architecture: x86_64\n    iso: ${where}\n    checksum: ${checksum}\n    keyring: ${keyring}\n`;
  await writeFile(path, `images:\n${entry}`);
  return await resolveImage("os", {
    catalogue: await loadCatalogue(path),
    ...{ cacheDir: at("cache"), cwd: "/", signal, onProgress: () => undefined, ...more },
    reference: () => Promise.reject(new Error("Nothing of this is built.")),
  });
}

/** An ISO with its list, signed by Fedora's key; the list is beside the catalogue. */
async function signedIso(list: string): Promise<{ bytes: Buffer; list: Buffer; digest: string }> {
  await mkdir(at(`of-${list}`));
  const bytes = await readFile(await pack(at(`of-${list}`), { label: "Fedora-43", files: fedora }));
  await writeFile(at("iso-list"), `SHA256 (os.iso) = ${sha256(bytes)}\n`);
  await gpg("--local-user", "fedora", "--output", at(list), "--clearsign", at("iso-list"));
  return { bytes, list: await readFile(at(list)), digest: `sha256:${sha256(bytes)}` };
}

test("an entry of an ISO names its list, and the keys that signed it", async () => {
  const { bytes, digest } = await signedIso("CHECKSUM-iso");
  await writeFile(at("os.iso"), bytes);
  const wish = { where: "os.iso", checksum: "CHECKSUM-iso", keyring: "fedora.gpg" };
  const image = await resolveIsoEntry(wish);
  expect(image).toMatchObject({ digest, installer: { label: "Fedora-43" } });
  expect(image.notes?.join() ?? "").not.toMatch(/not verified/);
  const stranger = { ...wish, keyring: "stranger.gpg" };
  await expect(resolveIsoEntry(stranger)).rejects.toThrow(/is not good/);
  const unlisted = { ...wish, checksum: "CHECKSUM-fedora" };
  await expect(resolveIsoEntry(unlisted)).rejects.toThrow(/does not name 'os.iso'/);
  await writeFile(at("os.iso"), Buffer.concat([bytes, Buffer.alloc(2048)]));
  await expect(resolveIsoEntry(wish)).rejects.toThrow(/is not the file that its checksum names/);
});

test("an entry of an ISO behind https is downloaded as its signed list says", async () => {
  const { bytes, list: signed, digest } = await signedIso("CHECKSUM-remote");
  await using server = await serve(place.path, (request, response) =>
    fileAnswer(request.url === "/os.iso" ? bytes : signed)(request, response),
  );
  const { origin, ca } = server;
  const wish = { where: `${origin}/os.iso`, checksum: `${origin}/CHECKSUM` };
  const stranger = { ...wish, keyring: "stranger.gpg" };
  await expect(resolveIsoEntry(stranger, { ca })).rejects.toThrow(/is not good/);
  expect(server.asked).toEqual(["/CHECKSUM"]);
  const image = await resolveIsoEntry({ ...wish, keyring: "fedora.gpg" }, { ca });
  expect(image).toMatchObject({ digest, installer: { label: "Fedora-43" } });
  expect(image.notes?.join() ?? "").not.toMatch(/not verified/);
});

test("a checksum of what is not a disk file is refused", async () => {
  const options = {
    catalogue: { path: "c.yaml", directory: place.path, images: {} },
    cacheDir: at("cache"),
    cwd: place.path,
    signal,
    onProgress: () => undefined,
    reference: () => Promise.reject(new Error("Nothing of this is built.")),
    checksum: `sha256:${hex}`,
  };
  await expect(resolveImage("oci:dir:tag", options)).rejects.toThrow(/is not a disk file/);
});
