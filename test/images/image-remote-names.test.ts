// How a disk and its checksum are named; what is refused before anything is asked for.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { type LocateOptions, locateDisk } from "../../images/origins/remote-disk.ts";
import { bootgate } from "../contract/support/command.ts";
import { MiB } from "../contract/support/disks.ts";
import { content, type Scene, scene, sha } from "../contract/support/download-scene.ts";
import { fileAnswer } from "../contract/support/https-server.ts";

const { signal } = new AbortController();

describe("names", () => {
  const locate = (
    it: Scene,
    name: string,
    more: Partial<LocateOptions> = {},
  ): ReturnType<typeof locateDisk> =>
    locateDisk(`${it.server.origin}/${name}`, { ...it.options(), cwd: it.cacheDir, ...more });

  test("a checksum stands behind the URL or beside it", async () => {
    await using it = await scene(fileAnswer(content));
    const hex = sha(content);
    const { path, notes } = await locate(it, `os.raw.gz#sha256=${hex.toUpperCase()}`);
    expect((await readFile(path)).equals(content)).toBe(true);
    expect(notes).toEqual([]);
    expect((await locate(it, "os.raw.gz", { checksum: `sha256:${hex}` })).path).toBe(path);
  });

  test.each<[string, string, Partial<LocateOptions>, RegExp]>([
    ["no checksum", "os.raw.gz", {}, /checksum of '.*' is not named[\s\S]*#sha256=…/],
    ["a short one", "os.raw.gz#sha256=12", {}, /'#sha256=12' is not a checksum/],
    ["another kind", "os.raw.gz", { checksum: `sha512:${"1".repeat(128)}` }, /is not a checksum/],
    [
      "two",
      `os.raw.gz#sha256=${"1".repeat(64)}`,
      { checksum: `sha256:${"2".repeat(64)}` },
      /named twice/,
    ],
    [
      "a keyring for nothing",
      "x",
      { checksum: `sha256:${"1".repeat(64)}`, keyring: "k" },
      /not a signed list/,
    ],
  ])("%s is refused before anything is asked for", async (_, name, more, words) => {
    await using it = await scene(fileAnswer(content));
    const refused = locate(it, name, more);
    await expect(refused).rejects.toThrow(words);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
    expect(it.server.asked).toEqual([]);
  });

  test.each([
    ["http://localhost/x", /is not HTTPS/],
    ["https://me:word@localhost/x", /holds a name or a password/],
    ["https://", /is not a URL/],
    [`https://localhost/a%zz.raw#sha256=${"1".repeat(64)}`, /'%' that escapes nothing[\s\S]*%25/],
    [`https://localhost/%ff.raw#sha256=${"1".repeat(64)}`, /'%' that escapes nothing/],
  ])("%s is refused", async (name, words) => {
    const options = { cacheDir: "c", cwd: "/", signal, onProgress: () => undefined };
    const refused = locateDisk(name, options);
    await expect(refused).rejects.toThrow(words);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
    await expect(refused).rejects.not.toThrow("word@");
  });
});

test("a file of this host is held against its checksum too", async () => {
  await using it = await scene(fileAnswer(content));
  await mkdir(it.cacheDir);
  await writeFile(join(it.cacheDir, "os.raw"), Buffer.alloc(MiB, 3));
  const given = (hex: string): ReturnType<typeof locateDisk> =>
    locateDisk("os.raw", { ...it.options(), cwd: it.cacheDir, checksum: `sha256:${hex}` });
  expect((await given(sha(Buffer.alloc(MiB, 3)))).path).toBe(join(it.cacheDir, "os.raw"));
  await expect(given("0".repeat(64))).rejects.toThrow(/not the file that its checksum names/);
});

test("what an address may hold is fetched with and told nowhere: not in jobs, not in lines to repeat, not in pipelines", async () => {
  await using it = await scene(fileAnswer(content));
  const authority = join(it.cacheDir, "..", "cert.pem");
  const env = { XDG_CACHE_HOME: it.cacheDir, NODE_EXTRA_CA_CERTS: authority };
  const address = `${it.server.origin}/os.raw.gz?key=5ecret#sha256=${sha(content)}`;
  const machine = ["--architecture", "x86_64", "--accelerator", "tcg"];
  const plan = ["plan", "boot/health", ...machine, "--candidate", address];
  const planned = await bootgate([...plan, "--json"], env);
  expect(planned.code, planned.stderr).toBe(0);
  expect(it.server.asked).toEqual(["/os.raw.gz?key=5ecret"]);
  expect(planned.stdout).toContain(`/os.raw.gz?…#sha256=${sha(content)}`);
  expect(planned.stdout + planned.stderr).not.toContain("5ecret");

  const pipeline = await bootgate([...plan, "--format", "gitlab"], env);
  expect(pipeline.stderr).toMatch(/A pipeline does not hold addresses with a query/);
  expect(pipeline.code).toBe(2);
  expect(pipeline.stdout + pipeline.stderr).not.toContain("5ecret");
});
