// Sparse files as the host's own GNU tar stores them, in each of its forms.
import { mkdir, open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { openRoot, readRootTree } from "../../images/rootfs/root-tree.ts";
import { imageOf } from "../unit/support/layers.ts";

const { signal } = new AbortController();
/** More pieces than an old header and two of its blocks have places for. */
const pieces = 60;
const far = 128 * 1024;
const files = ["begins-with-data", "begins-with-a-hole", "only-a-hole", "behind"];
let folder: Workspace;

beforeAll(async () => {
  folder = await createWorkspace("sparse");
  const root = join(folder.path, "root");
  await mkdir(root);
  for (const [index, name] of files.slice(0, 2).entries()) {
    const file = await open(join(root, name), "w");
    for (let piece = index; piece < pieces; piece++)
      await file.write(Buffer.alloc(4096, 65 + (piece % 26)), 0, 4096, piece * far);
    await file.truncate(pieces * far + 5);
    await file.close();
  }
  await writeFile(join(root, "only-a-hole"), "");
  await truncate(join(root, "only-a-hole"), 3_000_000);
  await writeFile(join(root, "behind"), "what comes behind them");
});
afterAll(() => folder[Symbol.asyncDispose]());

test.each([
  ["old GNU", ["--format=gnu"]],
  ["PAX 0.0", ["--format=posix", "--sparse-version=0.0"]],
  ["PAX 0.1", ["--format=posix", "--sparse-version=0.1"]],
  ["PAX 1.0", ["--format=posix", "--sparse-version=1.0"]],
])("%s", async (form, words) => {
  const archive = join(folder.path, `${form}.tar`);
  const root = join(folder.path, "root");
  await runCommand("tar", ["--create", "--sparse", ...words, "-f", archive, "-C", root, ...files]);
  const bytes = await readFile(archive);
  // Else it tests nothing: the files are larger than what is stored of them.
  expect(bytes.length).toBeLessThan(2_000_000);
  const image = await imageOf(join(folder.path, form), [
    { plain: bytes, blob: bytes, mediaType: "application/vnd.oci.image.layer.v1.tar" },
  ]);
  const tree = await readRootTree(image, { signal });
  expect(tree.list("/").map(({ name }) => name)).toEqual([...files].sort());
  const read = await tree.readFiles(
    files.map((name) => `/${name}`),
    2 ** 30,
  );
  for (const name of files) {
    const expected = await readFile(join(root, name));
    expect(tree.lookup(`/${name}`)?.size).toBe(expected.length);
    expect(read.get(`/${name}`)?.equals(expected), name).toBe(true);
  }
  // Once more with all digests.
  await openRoot(image, { signal });
});
