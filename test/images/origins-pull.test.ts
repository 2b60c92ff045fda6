// Images from a real registry into the store: every form keeps its digest, what is here is not fetched again.
import { existsSync } from "node:fs";
import { readdir, readlink, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createRegistryFixture } from "../../fixtures/registry.ts";
import { runCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import type { Image } from "../../images/image.ts";
import { readOciImage } from "../../images/origins/oci-layout.ts";
import { ImageStore } from "../../images/origins/store.ts";
import type { Ended } from "../contract/support/command.ts";
import { indexOf, type MadeImage, makeImage, sha } from "../contract/support/image-maker.ts";
import { bootgateHere } from "../contract/support/in-process.ts";
import { openRegistryLab, type RegistryLab } from "../contract/support/registry-lab.ts";

let lab: RegistryLab;
beforeAll(async () => {
  lab = await openRegistryLab();
});
afterAll(() => lab[Symbol.asyncDispose]());
beforeEach(() => {
  lab.meddle = null;
  lab.requests.length = 0;
  lab.progress.length = 0;
});

let count = 0;
const make = (wish: Parameters<typeof makeImage>[1] = {}): Promise<MadeImage> =>
  makeImage(join(lab.folder, `image${count++}`), wish);
const fresh = (): { cacheDir: string } => ({ cacheDir: join(lab.folder, `cache${count++}`) });
const blobRequests = (): readonly string[] =>
  lab.requests.filter((line) => /^GET .*\/blobs\//.test(line));

const zstd = async (tar: Buffer): Promise<Buffer> => {
  return Buffer.from((await execa("zstd", ["-c"], { input: tar, encoding: "buffer" })).stdout);
};

test.each<[string, Parameters<typeof makeImage>[1]]>([
  ["OCI, gzip", {}],
  ["OCI, plain tar", { layerType: "application/vnd.oci.image.layer.v1.tar", pack: (tar) => tar }],
  ["OCI, zstd", { layerType: "application/vnd.oci.image.layer.v1.tar+zstd", pack: zstd }],
  ["Docker schema 2", { form: "docker" }],
  [
    "Docker schema 2, plain tar",
    {
      form: "docker",
      layerType: "application/vnd.docker.image.rootfs.diff.tar",
      pack: (tar) => tar,
    },
  ],
])(
  "%s: the digest is the registry's, in the store, in the fixture's registry and read back",
  async (_, wish) => {
    const made = await make(wish);
    await lab.push(made, "os:v1");
    const { facts, follows } = await lab.pull("os:v1", fresh());
    expect(facts).toMatchObject({
      digest: made.digest,
      architecture: "x86_64",
      mediaType: made.mediaType,
    });
    expect(Buffer.from(facts.manifest).equals(made.manifest)).toBe(true);
    expect(facts.labels).toEqual({ "containers.bootc": "1" });
    expect(follows).toBe(`${lab.host}/os:v1`);
    const image: Image = {
      name: "x",
      digest: facts.digest,
      manifest: facts.digest,
      architecture: facts.architecture,
      disk: null,
      oci: { layout: facts.layout, tag: facts.tag },
      follows,
      standIns: [],
    };
    await using fixture = await createRegistryFixture({ signal: new AbortController().signal });
    await using shelf = await fixture.open({ address: "10.0.2.100", port: 5000 });
    await shelf.publish("os:stable", image);
    expect(await shelf.digestOf("os:stable")).toBe(made.digest);
    const back = join(lab.folder, `back${count++}`);
    const from = `docker://127.0.0.1:${shelf.hostPort}/os@${made.digest}`;
    const words = [
      "--insecure-policy",
      "copy",
      "--quiet",
      "--preserve-digests",
      "--src-tls-verify=false",
    ];
    await runCommand("skopeo", [...words, from, `dir:${back}`]);
    expect((await runCommand("sha256sum", [join(back, "manifest.json")])).stdout).toContain(
      made.digest.slice(7),
    );
  },
);

test("an index stands for the machine's architecture, and says what it has where that is missing", async () => {
  const [amd, arm] = [await make(), await make({ architecture: "arm64" })];
  for (const image of [amd, arm]) await lab.push(image, `multi:${image.digest.slice(7, 19)}`);
  const index = indexOf([
    { image: amd, architecture: "amd64" },
    { image: arm, architecture: "arm64" },
  ]);
  const type = "application/vnd.oci.image.index.v1+json";
  await lab.putManifest("multi", "v1", index, type);
  const cache = fresh();
  const { facts, notes } = await lab.pull("multi:v1", cache);
  expect(facts.digest).toBe(amd.digest);
  // Every report says which of them was tested.
  expect(notes.join()).toContain(`An index was named (${sha(index)}): its image for x86_64`);
  expect((await lab.pull(`multi@${amd.digest}`, cache)).notes).toEqual([]);
  const forArm = await lab.pull("multi:v1", { ...cache, architecture: "aarch64" });
  expect(forArm.facts).toMatchObject({ digest: arm.digest, architecture: "aarch64" });
  const pinned = await lab.pull(`multi:v1@${sha(index)}`, cache);
  expect(pinned).toMatchObject({ follows: `${lab.host}/multi:v1`, facts: { digest: amd.digest } });
  await lab.putManifest("multi", "arm", indexOf([{ image: arm, architecture: "arm64" }]), type);
  const wrong = lab.pull("multi:arm", cache);
  await expect(wrong).rejects.toThrow(/is not there for x86_64[\s\S]*linux\/arm64 sha256:/);
  await expect(wrong).rejects.toHaveProperty("name", "UsageError");
  expect((await lab.pull(`multi@${arm.digest}`, cache)).facts.architecture).toBe("aarch64");

  // On the command line: the host's own, or the one that is asked for.
  const env = { XDG_CACHE_HOME: cache.cacheDir };
  const plan = async (...words: readonly string[]): Promise<Ended> =>
    bootgateHere(
      [
        ...["plan", "boot/health", "--accelerator", "tcg", "--tls-verify", "false", "--json"],
        ...["--candidate", `${lab.host}/${words[0]}`, ...words.slice(1)],
      ],
      env,
    );
  const asked = await plan("multi:v1", "--architecture", "aarch64");
  expect(JSON.parse(asked.stdout)).toMatchObject([
    {
      images: { candidate: { digest: arm.digest, index: sha(index) } },
      machine: { architecture: "aarch64" },
    },
  ]);
  const missing = await plan("multi:arm", "--architecture", "x86_64");
  expect([missing.code, missing.stderr]).toEqual([
    2,
    expect.stringMatching(/not there for x86_64/),
  ]);
});

test("an index that says another platform than its image is refused before its layers come, and for what is here", async () => {
  const arm = await make({ architecture: "arm64" });
  await lab.push(arm, "liar:arm");
  const type = "application/vnd.oci.image.index.v1+json";
  await lab.putManifest("liar", "v1", indexOf([{ image: arm, architecture: "amd64" }]), type);
  const cache = fresh();
  const says = new RegExp(
    `says that an image of it is for linux/amd64; .* says linux/arm64[\\s\\S]*${arm.digest}`,
  );
  lab.requests.length = 0;
  const refused = lab.pull("liar:v1", cache);
  await expect(refused).rejects.toThrow(says);
  await expect(refused).rejects.toHaveProperty("name", "UsageError");
  for (const { digest } of arm.layers) expect(lab.requests.join()).not.toContain(digest);
  const looked = await bootgateHere(
    [
      "images",
      "inspect",
      `${lab.host}/liar:v1`,
      "--tls-verify",
      "false",
      "--architecture",
      "x86_64",
    ],
    { XDG_CACHE_HOME: fresh().cacheDir },
  );
  expect([looked.code, looked.stderr]).toEqual([2, expect.stringMatching(says)]);
  // Named by its own digest it is an image like any other; that puts it in the store.
  expect((await lab.pull(`liar@${arm.digest}`, cache)).facts.architecture).toBe("aarch64");
  await expect(lab.pull("liar:v1", cache)).rejects.toThrow(says);
});

test("what is here is not fetched again: the same image, a shared layer, a digest without its registry", async () => {
  const cache = fresh();
  const shared = Buffer.alloc(5000, 7);
  const [one, two] = [await make({ layers: [shared] }), await make({ layers: [shared] })];
  await lab.push(one, "shared:one");
  await lab.push(two, "shared:two");
  await lab.pull("shared:one", cache);
  expect(lab.progress.join("\n")).toMatch(/Pulling .* in 3 layers\./);
  lab.requests.length = 0;
  await lab.pull("shared:one", cache);
  expect(blobRequests()).toEqual([]);
  await lab.pull("shared:two", cache);
  const layer = sha(gzipSync(shared));
  expect(blobRequests().some((line) => line.includes(layer))).toBe(false);
  expect(blobRequests().length).toBeGreaterThanOrEqual(2);
  expect(lab.progress.join("\n")).toMatch(/in 3 layers, .* already here\./);
  lab.requests.length = 0;
  await lab.pull(`shared@${two.digest}`, cache);
  expect(lab.requests).toEqual([]);
});

test("a tag that moves between resolve and pull changes nothing: what was resolved is pulled", async () => {
  const [before, after] = [await make(), await make()];
  await lab.push(before, "moves:v1");
  await lab.push(after, "moves:v2");
  let asked = 0;
  lab.meddle = (request) => {
    // Once the tag was read it stands for another image.
    if (request.url === "/v2/moves/manifests/v1" && request.method === "GET" && ++asked > 1)
      throw new Error("The tag was asked for twice.");
    return false;
  };
  expect((await lab.pull("moves:v1", fresh())).facts.digest).toBe(before.digest);
  expect(asked).toBe(1);
});

test("a damaged image of the store is fetched once more, and never seen as whole", async () => {
  const cache = fresh();
  const made = await make();
  await lab.push(made, "damage:v1");
  const { facts } = await lab.pull("damage:v1", cache);
  const [layer] = facts.layers;
  const path = join(facts.layout, "blobs/sha256", (layer?.digest ?? "").slice(7));
  await truncate(path, 10);
  const again = await lab.pull("damage:v1", cache);
  await expect(readOciImage(again.facts.layout, again.facts.tag)).resolves.toBeTruthy();
  expect(await readlink(join(facts.layout, "blobs"))).toBe("../../blobs");
});

test("nothing is left of a pull but the image: no draft, no claim", async () => {
  const cache = fresh();
  const made = await make({ form: "docker" });
  await lab.push(made, "clean:v1");
  await lab.pull("clean:v1", cache);
  const root = join(cache.cacheDir, "oci");
  expect(await readdir(join(root, "drafts"))).toEqual([]);
  expect(await readdir(join(root, "claims"))).toEqual([]);
  expect(existsSync(join(root, "images", made.digest.slice(7), "index.json"))).toBe(true);
});

test("the store lets go of what was used longest ago, never of what a living process holds", async () => {
  const cache = fresh();
  const [one, two] = [await make({ sizes: [50_000] }), await make({ sizes: [50_000] })];
  await lab.push(one, "room:one");
  await lab.push(two, "room:two");
  await lab.pull("room:one", { ...cache, limitBytes: 60_000 });
  await lab.pull("room:two", { ...cache, limitBytes: 60_000 });
  const store = await ImageStore.open(lab.options(cache));
  // This process holds both.
  expect((await store.images()).map(({ digest }) => digest)).toEqual([two.digest, one.digest]);
  for (const name of await readdir(join(store.root, "held")))
    if (name.endsWith(one.digest.slice(7))) await rm(join(store.root, "held", name));
  await store.evict({ maxBytes: 60_000 });
  expect((await store.images()).map(({ digest }) => digest)).toEqual([two.digest]);
  expect(await store.take(asDigest(one.digest), null)).toBeNull();
  expect((await store.usage()).total).toBeLessThan(60_000);
});
