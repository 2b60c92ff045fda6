/** What an installer can do besides the shortest way, and every way in which it can fail. Minutes each, so the long tier's. */
import { mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "../vm/command-line.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-install-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("by UEFI, with partitions of its own, and a kickstart that comes over HTTP", async () => {
  const words = ["run", "install/kickstart", "--candidate", "reference-installer"];
  const ways = ["--kickstart-layout", "custom", "--kickstart-by", "http"];
  const { code, output } = await bootgate([...words, ...ways, "--firmware", "uefi", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
  const texts = eventsOf(join(out, "latest")).flatMap((event) =>
    event.type === "deviation" && event.id === "installed" ? [event.text] : [],
  );
  expect(texts.join()).toMatch(/kickstart of the harness, fetched over HTTP/);
});

const installs = ["run", "install/kickstart", "--candidate", "reference-installer"];

test.each([
  ["an xfs root", ["--filesystem", "xfs", "--firmware", "bios"]],
  ["a subvolume of btrfs as root", ["--filesystem", "btrfs", "--firmware", "uefi"]],
])("with %s", async (_what, words) => {
  const { code, output } = await bootgate([...installs, ...words, "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});

test("with an encrypted root, whose passphrase is typed and stands in no file", async () => {
  const file = join(out, "passphrase");
  await writeFile(file, "correct horse battery\n");
  const words = ["--kickstart-layout", "luks", "--passphrase-file", file, "--firmware", "bios"];
  const { code, output } = await bootgate([...installs, ...words, "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
  const run = await realpath(join(out, "latest"));
  const ids = eventsOf(run).flatMap((event) => (event.type === "deviation" ? [event.id] : []));
  expect(ids).toContain("passphrase-typed");
  for (const name of await readdir(run, { recursive: true })) {
    const path = join(run, name);
    if ((await stat(path)).isFile())
      expect(await readFile(path, "latin1"), name).not.toContain("correct horse");
  }
});

test.each(["xfs", "btrfs"])("a disk of %s that bootc makes itself boots", async (kind) => {
  const words = ["run", "boot/health", "--candidate", "reference:v2", "--filesystem", kind];
  const { code, output } = await bootgate([...words, "--firmware", "bios", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});

test("every installer that cannot succeed is judged for the right reason", async () => {
  const words = ["selftest", "--only", "installer", "--out", out];
  const { code, output } = await bootgate(words);
  expect(code, output.slice(-3000)).toBe(0);
  expect(output).toMatch(/(\d+) of \1 cases were judged as they must be/);
});
