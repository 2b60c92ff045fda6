// What a derived image is, byte by byte: its layer, its documents, and which roles get one.
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import { deriveDocuments, type Origin } from "../../images/derive/documents.ts";
import { layerEntries, recipeOfChange, recipeOfKind, rules } from "../../images/derive/rules.ts";
import { storedGzip } from "../../images/derive/stored-gzip.ts";
import { tarOf } from "../../images/derive/tar.ts";
import type { DerivedKind } from "../../images/image.ts";

const kinds: readonly DerivedKind[] = ["previous", "next", "broken"];
const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
const sha = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const digest = asDigest(`sha256:${"c".repeat(64)}`);

const config = {
  architecture: "amd64",
  os: "linux",
  created: "2026-03-01T10:00:00.123456789Z",
  author: "somebody",
  config: {
    Cmd: ["/sbin/init"],
    Labels: {
      "containers.bootc": "1",
      "org.opencontainers.image.version": "43.20260301.0",
      version: "43.20260301.0",
      "org.opencontainers.image.created": "2026-03-01T09:00:00Z",
      "ostree.final-diffid": `sha256:${"1".repeat(64)}`,
    },
  },
  rootfs: { type: "layers", diff_ids: [`sha256:${"1".repeat(64)}`] },
  history: [{ created_by: "a" }, { created_by: "b", empty_layer: true }],
};
const manifest = {
  schemaVersion: 2,
  mediaType: ociManifest,
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: "x", size: 1 },
  layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+zstd", digest: "l", size: 2 }],
  annotations: { "org.example": "kept", "org.opencontainers.image.version": "43.20260301.0" },
};
const origin = (kind: DerivedKind, changes: Partial<Origin> = {}): Origin => ({
  recipe: recipeOfKind(kind),
  digest,
  mediaType: ociManifest,
  manifest,
  config,
  ...changes,
});
const read = (bytes: Buffer): Record<string, never> => JSON.parse(bytes.toString("utf8"));

test("stored gzip says nothing of its host, and every reader unpacks it", () => {
  for (const size of [0, 1, 65_535, 65_536, 200_000]) {
    const content = Buffer.alloc(size, "abc");
    const packed = storedGzip(content);
    expect(gunzipSync(packed).equals(content)).toBe(true);
    expect([...packed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  }
});

test("a link's target that has no room in its field is refused, not cut", () => {
  expect(() => tarOf([{ kind: "link", path: "a", target: "b".repeat(101) }])).toThrow(RangeError);
});

test.each(kinds)("the layer of %s has each folder before what is in it, below /usr", (kind) => {
  const entries = layerEntries({ recipe: recipeOfKind(kind), from: digest, version: "1" });
  const folders = new Set<string>();
  for (const { kind: type, path } of entries) {
    expect(path).toMatch(/^usr(\/|$)/);
    const parent = path.split("/").slice(0, -1).join("/");
    if (parent !== "") expect([...folders]).toContain(parent);
    if (type === "folder") folders.add(path);
  }
  const units = entries.filter(({ path }) => path.endsWith(".service"));
  expect(units.map(({ kind: type }) => type)).toEqual(kind === "broken" ? ["file", "link"] : []);
});

test.each(kinds)("%s is the candidate with one layer, a version and times of its own", (kind) => {
  const derived = deriveDocuments(origin(kind));
  const newConfig = read(derived.config.bytes) as unknown as typeof config;
  const newManifest = read(derived.manifest.bytes) as unknown as typeof manifest;
  const version = `43.20260301.0.${kind}`;
  expect(newManifest.layers).toEqual([
    ...manifest.layers,
    {
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest: derived.layer.digest,
      size: derived.layer.bytes.length,
    },
  ]);
  expect(derived.layer.digest).toBe(sha(derived.layer.bytes));
  expect(newConfig.rootfs.diff_ids).toEqual([
    ...config.rootfs.diff_ids,
    sha(gunzipSync(derived.layer.bytes)),
  ]);
  expect(newManifest.config).toEqual({
    ...manifest.config,
    digest: sha(derived.config.bytes),
    size: derived.config.bytes.length,
  });
  expect(newManifest.annotations).toEqual({
    "org.example": "kept",
    "org.opencontainers.image.version": version,
  });
  const day = { previous: "02-28", next: "03-02", broken: "03-03" }[kind];
  expect(newConfig).toMatchObject({ author: "somebody", created: `2026-${day}T10:00:00Z` });
  expect(newConfig.config).toEqual({
    Cmd: ["/sbin/init"],
    Labels: {
      ...config.config.Labels,
      "org.opencontainers.image.version": version,
      version,
      "org.opencontainers.image.created": `2026-${day}T09:00:00Z`,
    },
  });
  expect(newConfig.history).toEqual([
    ...config.history,
    { created: `2026-${day}T10:00:00Z`, created_by: `bootgate derive: ${kind}` },
  ]);
  expect(deriveDocuments(origin(kind))).toEqual(derived);
});

test("no two kinds and no two candidates give one image", () => {
  const other = asDigest(`sha256:${"d".repeat(64)}`);
  const all = kinds.flatMap((kind) => [
    deriveDocuments(origin(kind)).manifest.digest,
    deriveDocuments(origin(kind, { digest: other })).manifest.digest,
  ]);
  expect(new Set(all).size).toBe(all.length);
});

test("these digests never change: guests and registries of other hosts know the images by them", () => {
  const digests = kinds.map((kind) => deriveDocuments(origin(kind)).manifest.digest);
  expect(digests).toMatchInlineSnapshot(`
    [
      "sha256:37eacad2307939123e6b0edd397281f4129fe4b5e50a550b4f497194659b7c35",
      "sha256:ad5734a7f2b367a4ee1894fa420134a4249170418e4d59af30ab086bd29a2798",
      "sha256:cb5f3f2e98733d71d3086e1720b150ce9c76f1130c59159cb08906db34cd6d42",
    ]
  `);
});

test("a Docker image stays one: its layer's type fits its manifest", () => {
  const { manifest: made } = deriveDocuments(
    origin("next", {
      mediaType: dockerManifest,
      manifest: { ...manifest, mediaType: dockerManifest },
    }),
  );
  expect(made.mediaType).toBe(dockerManifest);
  const layers = (read(made.bytes) as unknown as typeof manifest).layers;
  expect(layers.at(-1)?.mediaType).toBe("application/vnd.docker.image.rootfs.diff.tar.gzip");
});

test("what the candidate does not say is not made up, but for the version", () => {
  const bare = { architecture: "amd64", os: "linux", rootfs: { diff_ids: ["a"] }, config: null };
  const { config: made } = deriveDocuments(origin("previous", { config: bare }));
  expect(read(made.bytes)).toEqual({
    architecture: "amd64",
    os: "linux",
    rootfs: { diff_ids: ["a", expect.stringMatching(/^sha256:/)] },
    // The version of the manifest's annotation.
    config: { Labels: { "org.opencontainers.image.version": "43.20260301.0.previous" } },
  });
});

test.each([
  ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
  ["yesterday", "yesterday"],
])("a candidate made at %s has a previous made at %s", (was, is) => {
  const { config: made } = deriveDocuments(
    origin("previous", { config: { ...config, created: was } }),
  );
  expect(read(made.bytes)).toMatchObject({ created: is });
});

test.each<[string, Partial<Origin>, RegExp]>([
  ["no diff_ids", { config: { rootfs: {} } }, /configuration is malformed/],
  ["not an object", { config: [] }, /configuration is malformed/],
  ["fewer diff_ids", { config: { rootfs: { diff_ids: [] } } }, /names 0 layers, its manifest 1/],
  ["no layers", { manifest: {} }, /manifest is malformed/],
  ["an unknown type", { mediaType: "text/plain" }, /of type 'text\/plain'/],
])("a candidate with %s is refused, and how to go on is said", (_, changes, words) => {
  const derive = (): unknown => deriveDocuments(origin("previous", changes));
  expect(derive).toThrow(words);
  expect(derive).toThrow(/--no-derive/);
  expect(derive).toThrow(UsageError);
});

test("each kind says what it stands for as the end of a sentence", () => {
  for (const kind of kinds) expect(rules[kind].words).toMatch(/^stands for .*[^.]$/);
});

test("a change puts files, whiteouts and the folders above them into the layer, in an order of its own", () => {
  const change = {
    name: "kargs",
    files: {
      "/usr/lib/bootc/kargs.d/90-x.toml": "kargs = []\n",
      "/usr/bin/tool": { text: "#!/bin/sh\n", isExecutable: true },
    },
    remove: ["/usr/lib/bootc/kargs.d/10-old.toml"],
    labels: { quay: "1" },
  };
  const recipe = recipeOfChange(change);
  const entries = layerEntries({ recipe, from: digest, version: "1" });
  expect(entries.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "folder usr",
    "folder usr/lib",
    "folder usr/lib/bootgate",
    "file usr/lib/bootgate/derived.json",
    "folder usr/bin",
    "file usr/bin/tool",
    "folder usr/lib/bootc",
    "folder usr/lib/bootc/kargs.d",
    "file usr/lib/bootc/kargs.d/.wh.10-old.toml",
    "file usr/lib/bootc/kargs.d/90-x.toml",
  ]);
  const tar = tarOf(entries);
  const at = tar.indexOf("usr/bin/tool\0");
  expect(tar.toString("latin1", at + 100, at + 107)).toBe("0000755");
  const documents = deriveDocuments({ ...origin("next"), recipe });
  expect(read(documents.config.bytes)).toMatchObject({
    config: { Labels: { quay: "1", version: "43.20260301.0.kargs" } },
  });
});

test.each(["/var/lib/x", "usr/x", "/usr/../etc/x", "/usr/local/bin/x", "/usr", "/usr/lib/.wh.x"])(
  "a layer does not change %s",
  (path) => {
    expect(() => recipeOfChange({ name: "a", files: { [path]: "" } })).toThrow(/may change/);
    expect(() => recipeOfChange({ name: "a", remove: [path] })).toThrow(/may change/);
  },
);

test("a change can add a link, in its folder like a file", () => {
  const links = { "/usr/lib/bootc/bound-images.d/app.image": "/usr/share/app.image" };
  expect(recipeOfChange({ name: "a", links }).entries).toEqual([
    { kind: "folder", path: "usr/lib/bootc" },
    { kind: "folder", path: "usr/lib/bootc/bound-images.d" },
    {
      kind: "link",
      path: "usr/lib/bootc/bound-images.d/app.image",
      target: "/usr/share/app.image",
    },
  ]);
  expect(() => recipeOfChange({ name: "a", links: { "/var/x": "/y" } })).toThrow(/may change/);
});
