import { expect, test } from "vitest";
import {
  catalogueJsonSchema,
  catalogueSchema,
  imageNames,
  loadCatalogue,
} from "../../images/catalogue.ts";
import { versionNames } from "../../images/reference/versions.ts";
import { type ResolveOptions, resolveImage } from "../../images/resolve.ts";

const cataloguePath = new URL("../../images/catalogue.yaml", import.meta.url).pathname;
const catalogue = await loadCatalogue(cataloguePath);

const options: ResolveOptions = {
  catalogue,
  cacheDir: "/nonexistent/cache",
  cwd: "/",
  signal: new AbortController().signal,
  onProgress: () => undefined,
  reference: async ([version = ""]) => ({
    dir: "/built",
    ociLayout: "/built/oci",
    versions: { [version]: { digest: `sha256:${"1".repeat(64)}`, disk: null } },
  }),
};

test("the schema that editors use is the one that is checked", async () => {
  const text = `${JSON.stringify(catalogueJsonSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot("../../docs/schema/catalogue.schema.json");
});

test("the catalogue names every version of the reference OS", () => {
  expect(imageNames(catalogue)).toEqual(versionNames.map((name) => `reference:${name}`));
});

test("a catalogue name becomes an image with what the catalogue says of it", async () => {
  expect(await resolveImage("reference:v1", options)).toEqual({
    name: "reference:v1",
    digest: `sha256:${"1".repeat(64)}`,
    manifest: `sha256:${"1".repeat(64)}`,
    architecture: "x86_64",
    disk: null,
    oci: { layout: "/built/oci", tag: "v1" },
    follows: "10.0.2.100:5000/os:stable",
    standIns: ["bootc"],
  });
});

test.each([
  ["reference", /needs a version[\s\S]*reference:v1, reference:v2/],
  ["reference:v22", /has no version 'v22'; did you mean 'reference:v2'\?/],
  ["refrence:v1", /There is no image 'refrence:v1'.*did you mean 'reference:v1'\?/],
  ["constructor", /There is no image 'constructor'[\s\S]*catalogue +reference:v1/],
  ["./nowhere.qcow2", /'\/nowhere.qcow2' does not exist/],
  ["oci:", /expected oci:DIR or oci:DIR:TAG/],
  ["oci:/nowhere", /OCI layout marker '\/nowhere\/oci-layout' does not exist/],
  ["oci:/nowhere:v1", /OCI layout marker '\/nowhere\/oci-layout' does not exist/],
  ["", /./],
])("'%s' is refused in words", async (name, words) => {
  await expect(resolveImage(name, options)).rejects.toThrow(words);
  await expect(resolveImage(name, options)).rejects.toHaveProperty("name", "UsageError");
});

test("an entry without disk and OCI image, and one named as a transport, are refused", () => {
  const files = { kind: "files", architecture: "x86_64" };
  expect(catalogueSchema.safeParse({ images: { a: files } }).success).toBe(false);
  const named = { ...files, disk: "x" };
  expect(catalogueSchema.safeParse({ images: { oci: named } }).success).toBe(false);
  for (const transport of ["docker-archive", "containers-storage", "dir"])
    expect(catalogueSchema.safeParse({ images: { [transport]: named } }).success).toBe(false);
  expect(catalogueSchema.safeParse({ images: { a: named } }).success).toBe(true);
});
