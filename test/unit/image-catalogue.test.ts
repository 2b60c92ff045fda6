import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseYaml } from "../../harness/config/load-yaml.ts";
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
  const built = imageNames(catalogue).filter((name) => name.startsWith("reference:"));
  expect(built).toEqual(versionNames.map((name) => `reference:${name}`));
});

test("what is said of other people's images has a source, and says what nobody has checked", () => {
  for (const [name, entry] of Object.entries(catalogue.images)) {
    const isOurs = entry.kind === "installer" && entry.iso === undefined;
    if (entry.kind === "reference" || isOurs) continue;
    expect(entry.summary, name).toBeDefined();
    expect(entry.login, name).toBeDefined();
    expect(entry.source, name).toBeDefined();
    expect(entry.unverified, name).toBeDefined();
    expect(entry.promises.filter((one) => entry.lacks.includes(one))).toEqual([]);
  }
});

test("a list whose signature nobody verifies is said to be unverified", () => {
  const entries = Object.entries(catalogue.images).filter(
    ([, entry]) =>
      (entry.kind === "files" || entry.kind === "installer") &&
      entry.keyring === undefined &&
      !(entry.checksum ?? "sha256:").startsWith("sha256:"),
  );
  expect(entries.map(([name]) => name)).toEqual(["iot-raw"]);
  for (const [name, { unverified = [] }] of entries)
    expect(unverified.join(), name).toMatch(/signature/);
  const page = readFileSync(new URL("../../docs/images.md", import.meta.url), "utf8");
  for (const [name] of entries) expect(page).toContain(`\`${name}\` does not name a keyring`);
});

test("where both images of Fedora IoT's compose and the minimal one are is said at its entry", () => {
  const { iot, ...others } = catalogue.images;
  for (const name of ["fedora-bootc", "fedora-bootc-minimal"]) {
    expect(others).toHaveProperty(name);
    expect(iot?.summary?.split(/[ ,;:]+/)).toContain(name);
  }
});

const three = { images: { "my-os": { reference: "quay.io/you/os:stable" } } };

test("the groups are there, of names that there are", () => {
  expect(Object.keys(catalogue.groups ?? {})).toEqual(
    expect.arrayContaining(["atomic-desktops", "bootc-bases", "universal-blue"]),
  );
  const wrong = catalogueSchema.safeParse({ ...three, groups: { mine: ["my-os", "my-os:43"] } });
  expect(wrong.error?.issues).toEqual([
    expect.objectContaining({
      path: ["groups", "mine", 1],
      message: "'my-os:43' is not a name of this catalogue",
    }),
  ]);
});

test("an entry of one's own needs its name and a reference, and may promise", () => {
  expect(catalogueSchema.safeParse(three).success).toBe(true);
  const page = readFileSync(new URL("../../docs/images.md", import.meta.url), "utf8");
  const example = /```yaml\n(# my-images\.yaml[\s\S]*?)```/.exec(page)?.[1] ?? "";
  const { images } = parseYaml(example, "docs/images.md", catalogueSchema);
  expect(Object.keys(images)).toEqual(["my-os"]);
  expect(example.split("\n").filter((line) => /^ {2}/.test(line))).toHaveLength(3);
  expect(images["my-os"]?.promises).toEqual(["composefs", "bootupd"]);
});

test.each([
  ["a disk", { reference: "./disk.qcow2" }, /is a disk; an entry of one has 'kind: files'/],
  ["a short name", { reference: "fedora-bootc" }, /The image 'fedora-bootc' does not exist/],
  ["a tag and streams", { reference: "quay.io/a/b:1", streams: ["2"] }, /./],
  ["a tag that is not one", { reference: "quay.io/a/b", streams: ["a b"] }, /expected a tag/],
  ["a promise that nobody knows", { reference: "quay.io/a/b", promises: ["speed"] }, /composefs/],
])("an entry with %s is refused", (_, entry, words) => {
  const result = catalogueSchema.safeParse({ images: { a: entry } });
  expect(result.error?.issues.map(({ message }) => message).join()).toMatch(words);
});

test("an entry of an installer has an ISO, or a version of a reference OS that one is built of", () => {
  const entry = { kind: "installer", architecture: "x86_64" };
  const { reference } = catalogue.images;
  const judge = (more: object) => {
    const images = { reference, mine: { ...entry, ...more } };
    return catalogueSchema.safeParse({ images }).error?.issues.map(({ message }) => message);
  };
  expect(judge({ iso: "./os.iso" })).toBeUndefined();
  expect(judge({ carries: "reference:v1" })).toBeUndefined();
  expect(judge({ live: "reference:v1", fault: "corrupt" })).toBeUndefined();
  const oneOf = "expected one of 'iso', 'carries' and 'live'";
  expect(judge({})).toEqual([oneOf]);
  expect(judge({ iso: "./os.iso", carries: "reference:v1" })).toEqual([oneOf]);
  expect(judge({ live: "reference:v1", carries: "reference:v1" })).toEqual([oneOf]);
  expect(judge({ iso: "./os.iso", fault: "corrupt" })?.join()).toMatch(/that bootgate builds/);
  expect(judge({ iso: "./os.iso", checksum: "CHECKSUM", keyring: "keys.gpg" })).toBeUndefined();
  const [ofIso, ofList] = ["that 'iso' names", "a keyring is of the list that 'checksum' names"];
  expect(judge({ carries: "reference:v1", checksum: "CHECKSUM" })?.join()).toContain(ofIso);
  expect(judge({ iso: "./os.iso", keyring: "keys.gpg" })).toEqual([ofList]);
  for (const key of ["carries", "live"])
    expect(judge({ [key]: "reference:v9" })?.join()).toMatch(/'reference:v9' is not a version/);
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
    catalogue: expect.objectContaining({
      entry: "reference",
      promises: ["composefs", "soft-reboot"],
    }),
  });
});

test.each([
  ["reference", /needs a version[\s\S]*reference:v1, reference:v2/],
  ["reference:v22", /has no version 'v22'; did you mean 'reference:v2'\?/],
  ["refrence:v1", /The image 'refrence:v1' does not exist.*did you mean 'reference:v1'\?/],
  ["constructor", /The image 'constructor' does not exist[\s\S]*catalogue +reference:v1/],
  ["silverblue", /'silverblue' needs a version[\s\S]*silverblue:43/],
  ["silverblue:12", /has no version '12'/],
  ["iot-raw:43", /does not have versions, so ':43' says nothing/],
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
