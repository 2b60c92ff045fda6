// The commands of `images` as a person types them, against a registry behind TLS and a password.
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { bootgate, type Ended } from "../contract/support/command.ts";
import {
  type GuardedRegistry,
  secret,
  startGuardedRegistry,
} from "../contract/support/guarded-registry.ts";
import { type MadeImage, makeImage, makeLayoutOf } from "../contract/support/image-maker.ts";
import { bootgateHere } from "../contract/support/in-process.ts";

let folder: Workspace;
let registry: GuardedRegistry;
let made: MadeImage;
let reference = "";
beforeAll(async () => {
  folder = await createWorkspace("images");
  registry = await startGuardedRegistry(folder.path);
  const labels = {
    "containers.bootc": "1",
    "org.opencontainers.image.title": "bootgate reference OS",
    evil: "\u001b[31m\n::error::x",
  };
  made = await makeImage(join(folder.path, "made"), { form: "docker", labels });
  await registry.push(`dir:${made.folder}`, "os:pr-1");
  reference = `${registry.host}/os:pr-1`;
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const cache = (): { XDG_CACHE_HOME: string } => ({ XDG_CACHE_HOME: join(folder.path, "cache") });
const images = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  bootgateHere(["images", ...args], { ...cache(), ...env });
/** What a process took it holds until its end, so what is to be free again was taken by another. */
const imagesElsewhere = (args: readonly string[]): Promise<Ended> =>
  bootgate(["images", ...args], cache());
const access = (): string[] => ["--authfile", registry.authFile, "--cert-dir", registry.certDir];

test("inspect tells of an image at a registry and fetches none of its layers", async () => {
  const { code, stdout, stderr } = await images(["inspect", `docker://${reference}`, ...access()]);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(new RegExp(`^digest +${made.digest}$`, "m"));
  expect(stdout).toMatch(/^here +no: 'images pull' fetches it$/m);
  expect(stdout).toMatch(/^created +2026-01-02T03:04:05Z$/m);
  expect(stdout).toMatch(/^stand-ins +bootc$/m);
  for (const { digest } of made.layers) expect(stdout).toContain(digest);
  expect(stdout).not.toMatch(/\u001b|^::error/m);
  expect(await readdir(join(folder.path, "cache/bootgate/oci/blobs/sha256"))).toEqual([]);
});

test("pull, list, inspect and prune go together", async () => {
  const pulled = await imagesElsewhere(["pull", reference, ...access()]);
  expect(pulled).toMatchObject({ code: 0, stdout: `${reference}  ${made.digest}\n` });
  expect(pulled.stderr).toMatch(/Pulling '.*' \(sha256:[0-9a-f]{12}\): .* in 2 layers/);
  expect(pulled.stderr + pulled.stdout).not.toMatch(secret);

  const listed = await images(["list"]);
  expect(listed.stdout).toMatch(/^reference:v2 +\S/m);
  expect(listed.stdout).toContain(`${reference}  not yet run    ${made.digest.slice(0, 19)}`);
  const rows = JSON.parse((await images(["list", "--json"])).stdout) as Record<string, unknown>[];
  expect(rows).toContainEqual(
    expect.objectContaining({ name: reference, digest: made.digest, inUse: false }),
  );

  const inspected = await imagesElsewhere(["inspect", reference, ...access()]);
  expect(inspected.stdout).toMatch(/^architecture +x86_64$/m);
  expect(inspected.stdout).toMatch(/^created +2026-01-02T03:04:05Z$/m);
  // However it is named: who tests the reference OS is told that its bootc is not bootc.
  expect(inspected.stdout).toMatch(/^stand-ins +bootc$/m);
  expect(inspected.stdout).toMatch(/^label +containers\.bootc=1$/m);
  expect(inspected.stdout).not.toMatch(/\u001b|^::error/m);
  const { stdout } = await imagesElsewhere(["inspect", reference, "--json", ...access()]);
  expect(JSON.parse(stdout)).toMatchObject({
    digest: made.digest,
    follows: reference,
    disk: null,
    image: { mediaType: made.mediaType, layers: [{}, {}] },
  });

  expect((await images(["prune"])).stdout).toMatch(/freed/);
  expect((await images(["prune", "--older-than", "1h"])).stdout).not.toMatch(/^removed/m);
  const pruned = await images(["prune", "--all"]);
  expect(pruned.stdout).toContain(`removed ${reference} (${made.digest.slice(0, 19)})`);
  expect(await readdir(join(folder.path, "cache/bootgate/oci/blobs/sha256"))).toEqual([]);
});

test("an entry of one's own in three lines is listed, pulled and planned; what cannot be had does not stop the rest", async () => {
  const own = join(folder.path, "my-images.yaml");
  const entry = `images:
  my-os:
    reference: ${reference}
`;
  await writeFile(own, `${entry}groups: { mine: [my-os] }\n`);
  const words = ["--catalogue", own, ...access()];
  const pulled = await images(["pull", "127.0.0.1:9/os:v1", "catalogue:mine", ...words]);
  expect(pulled).toMatchObject({ code: 3, stdout: `my-os  ${made.digest}\n` });
  expect(pulled.stderr).toMatch(/'127.0.0.1:9' does not accept connections/);
  await writeFile(own, entry);
  const listed = await images(["list", "--catalogue", own]);
  expect(listed.stdout).toMatch(/^my-os +not yet run$/m);
  const env = cache();
  const plan = ["plan", "boot/health", "--accelerator", "tcg", "--candidate", "my-os", ...words];
  const { code, stdout } = await bootgateHere(plan, env);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: "run   boot/health@qemu-x86_64-uefi  candidate my-os\n",
  });
});

test("credentials and certificates are found where podman keeps them", async () => {
  const env = { REGISTRY_AUTH_FILE: registry.authFile, HOME: registry.home };
  const { code, stderr } = await images(["pull", `docker://${reference}`], env);
  expect(code, stderr).toBe(0);
});

test.each<[string, () => string[], number, RegExp]>([
  [
    "no credentials",
    () => ["pull", reference, "--cert-dir", registry.certDir],
    2,
    /credentials are missing or refused/,
  ],
  ["a certificate that nobody trusts", () => ["pull", reference], 2, /is not trusted here/],
  [
    "credentials in the name",
    () => ["pull", `docker://me:hunter2@${reference}`],
    2,
    /does not take a user name or a password/,
  ],
  [
    "a registry that is not there",
    () => ["pull", "127.0.0.1:9/os:v1"],
    3,
    /does not accept connections/,
  ],
  [
    "an image for another architecture than the one that is asked for",
    () => ["inspect", reference, ...access(), "--architecture", "aarch64"],
    2,
    /is for x86_64, not for aarch64/,
  ],
  [
    "the same, to be fetched",
    () => ["pull", reference, ...access(), "--architecture", "aarch64"],
    2,
    /is for x86_64, not for aarch64/,
  ],
  ["a group for one image", () => ["inspect", "catalogue:x"], 2, /is a group of images; --matrix/],
  [
    "a group that there is not",
    () => ["pull", "catalogue:x"],
    2,
    /catalogue does not have a group 'x'/,
  ],
  ["a size that is not one", () => ["prune", "--limit", "many"], 2, /Expected a size/],
])("%s", async (_, args, code, words) => {
  const ended = await images(args(), { REGISTRY_AUTH_FILE: join(folder.path, "none.json") });
  expect(ended.stderr).toMatch(words);
  expect(ended.code).toBe(code);
  expect(ended.stderr).not.toMatch(/hunter2|at .*:\d+:\d+/);
});

test("a limit of the store that is not a size is told", async () => {
  const ended = await images(["prune"], { BOOTGATE_STORE_LIMIT: "a lot" });
  expect(ended).toMatchObject({ code: 2 });
  expect(ended.stderr).toMatch(/BOOTGATE_STORE_LIMIT is 'a lot'; expected a size/);
});

test("`plan` takes a reference for the candidate, and repeats how it is reached", async () => {
  const words = ["--candidate", reference, "--format", "gitlab", ...access()];
  const env = cache();
  const { code, stdout } = await bootgateHere(["plan", "--suite", "gate", ...words], env);
  expect(code).toBe(0);
  expect(stdout).toContain(`--candidate ${reference}`);
  expect(stdout).toContain(`--authfile ${registry.authFile}`);
});

test("a layout without a tag is an image too", async () => {
  const layout = await makeLayoutOf(join(folder.path, "layout"), [{ image: made, tag: "v1" }]);
  const { stdout } = await images(["inspect", `oci:${layout}`, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ digest: made.digest, oci: { layout, tag: "v1" } });
});
