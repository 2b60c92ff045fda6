/** The script by which an edition of the reference OS takes from unpacked packages what the base does not have. */
import { mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exists } from "../../harness/base/exists.ts";
import { runCommand } from "../../harness/base/process.ts";

const script = fileURLToPath(
  new URL("../../images/reference/scripts/pick-new.sh", import.meta.url),
);
let root = "";
const put = async (path: string, text: string, mode = 0o644): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text, { mode });
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bootgate-pick-"));
  await put("base/usr/bin/there", "of the base");
  await mkdir(join(root, "base/usr/lib"), { recursive: true });
  await symlink("nowhere", join(root, "base/usr/lib/dangling"));
  await put("from/usr/bin/there", "of the package");
  await put("from/usr/bin/new program", "new", 0o755);
  await symlink("new program", join(root, "from/usr/bin/other"));
  await put("from/usr/lib/dangling", "of the package");
  await put("from/usr/share/doc/new/copyright", "left out");
  await put("from/usr/lib/libnew.a", "left out");
  await put("from/etc/new", "left out");
  await mkdir(join(root, "to"));
  const words = [script, ...["base", "from", "to"].map((name) => join(root, name))];
  await runCommand("sh", [...words, "usr/share/*", "*.a"], {});
});
afterAll(() => rm(root, { recursive: true, force: true }));

test("what is new comes with its mode, and links as links", async () => {
  const program = join(root, "to/usr/bin/new program");
  expect(await readFile(program, "utf8")).toBe("new");
  expect((await stat(program)).mode & 0o777).toBe(0o755);
  expect(await readlink(join(root, "to/usr/bin/other"))).toBe("new program");
});

test.each([
  ["what the base has", "usr/bin/there"],
  ["a path where the base has a link that leads nowhere", "usr/lib/dangling"],
  ["what is left out by folder", "usr/share"],
  ["what is left out by name", "usr/lib/libnew.a"],
  ["what is not below /usr", "etc"],
])("%s does not come", async (_what, path) => {
  expect(await exists(join(root, "to", path))).toBe(false);
});
