import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { loadYaml } from "../../harness/config/load-yaml.ts";
import { readOciImage } from "../../images/origins/oci-layout.ts";
import { type Made, makeLayout } from "../contract/support/oci-layout.ts";

test("a whole layout says digest, architecture, labels and layers", async () => {
  await using folder = await createWorkspace("oci");
  const { layout, digest } = await makeLayout(folder.path, "arm64");
  const image = await readOciImage(layout, "v1");
  expect(image).toMatchObject({ digest, architecture: "aarch64" });
  expect(image.labels).toEqual({ "containers.bootc": "1" });
  expect(image.layers.map(({ size }) => size)).toEqual([7]);
});

test.each<[string, (made: Made) => Promise<void>, RegExp]>([
  ["manifest changed", ({ files }) => writeFile(files.manifest, "{}"), /layout is damaged/],
  ["config changed", ({ files }) => writeFile(files.config, "{}"), /layout is damaged/],
  ["layer missing", ({ files }) => rm(files.layer), /is missing/],
  ["layer cut", ({ files }) => writeFile(files.layer, "a"), /is incomplete/],
  ["index missing", ({ files }) => rm(files.index), /does not exist/],
  ["index is not JSON", ({ files }) => writeFile(files.index, "{"), /is malformed/],
  ["index is binary", ({ files }) => writeFile(files.index, "\0"), /is binary/],
  ["index is another thing", ({ files }) => writeFile(files.index, "[]"), /is malformed/],
  [
    "digest walks out of the layout",
    ({ files }) =>
      writeFile(
        files.index,
        JSON.stringify({ manifests: [{ mediaType: "x", digest: "sha256:../../x", size: 1 }] }),
      ),
    /is malformed/,
  ],
])("%s", async (_, damage, words) => {
  await using folder = await createWorkspace("oci");
  const made = await makeLayout(folder.path);
  await damage(made);
  await expect(readOciImage(made.layout, "v1")).rejects.toThrow(words);
  await expect(readOciImage(made.layout, "v1")).rejects.toBeInstanceOf(UsageError);
});

test("an unknown tag and an architecture that nothing boots are refused", async () => {
  await using folder = await createWorkspace("oci");
  const { layout } = await makeLayout(folder.path, "s390x");
  await expect(readOciImage(layout, "v2")).rejects.toThrow(/no tag 'v2'; did you mean 'v1'\?/);
  await expect(readOciImage(layout, "v1")).rejects.toThrow(/architecture 's390x'/);
});

test("a YAML file that is none is told so before it is parsed", async () => {
  await using folder = await createWorkspace("yaml");
  const path = join(folder.path, "a.yaml");
  const load = (): Promise<unknown> => loadYaml(path, z.strictObject({}), { maxBytes: 100 });
  await expect(load()).rejects.toThrow(/does not exist/);
  for (const [content, words] of [
    ["", /is empty/],
    [" \n", /is empty/],
    ["\x7fELF\0", /is binary/],
    [Buffer.from([0xff, 0xfe, 0x61]), /is binary/],
    ["a".repeat(101), /larger than 100 B/],
  ] as const) {
    await writeFile(path, content);
    await expect(load()).rejects.toThrow(words);
  }
  await expect(loadYaml(folder.path, z.strictObject({}))).rejects.toThrow(/is a folder/);
});
