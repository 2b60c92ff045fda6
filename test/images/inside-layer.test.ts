/** An image that was changed from inside, with a runner of the test's own: what comes out is an image that real readers unpack. */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CannotTell, HostUnfit } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { changeImage } from "../../images/derive/derive.ts";
import {
  endOfTar,
  type ImageRunner,
  type InsideRequest,
} from "../../images/derive/inside-layer.ts";
import { tarOf } from "../../images/derive/tar.ts";
import type { ImageChange } from "../../images/image.ts";
import { readOciImage } from "../../images/origins/oci-layout.ts";
import { ByteSource } from "../../images/rootfs/byte-source.ts";
import { readTar } from "../../images/rootfs/tar-reader.ts";
import { layoutOf, makeCandidate } from "../contract/support/candidate.ts";
import { lyingIn } from "../contract/support/lying-in.ts";

const { signal } = new AbortController();
const change: ImageChange = {
  name: "changed",
  packages: [["install", "bootgate-tool"]],
  files: { "/etc/mine.conf": "mine\n" },
};

/** Makes a tar as the script in the helper does, with zeros behind it as a disk has them. */
const runnerOf =
  (folder: string, asked: InsideRequest[] = []): ImageRunner =>
  async (request) => {
    asked.push(request);
    const tree = join(folder, "upper", "usr", "share", "new");
    await mkdir(tree, { recursive: true });
    await writeFile(join(tree, "about"), "it is new\n");
    await runCommand("tar", ["-C", join(folder, "upper"), "-cf", request.target, "usr"]);
    const { size } = await stat(request.target);
    await runCommand("truncate", ["--size=+1M", request.target]);
    return { gone: ["usr/share/old"], bytes: size };
  };

async function scene(folder: Workspace, runner?: ImageRunner) {
  const candidate = await makeCandidate(join(folder.path, "oci"));
  const cacheDir = join(folder.path, "cache");
  const options = { cacheDir, signal, runner, directory: join(folder.path, "evidence") };
  return { candidate, cacheDir, derive: (what = change) => changeImage(candidate, what, options) };
}

test("packages of another kernel are handed on, and the layer is another one for other packages", async () => {
  await using folder = await createWorkspace("inside");
  const asked: InsideRequest[] = [];
  const { candidate, cacheDir } = await scene(folder);
  const runner = runnerOf(folder.path, asked);
  const options = { cacheDir, signal, runner, directory: join(folder.path, "evidence") };
  const kernel: ImageChange = { name: "kernel", run: ["ls"], kernelPackages: true };
  const kernelPackages = join(folder.path, "rpms");
  await mkdir(kernelPackages);
  const derive = async (content: string): Promise<void> => {
    const lead = Buffer.from([0xed, 0xab, 0xee, 0xdb]);
    await writeFile(
      join(kernelPackages, "kernel.rpm"),
      Buffer.concat([lead, Buffer.from(content)]),
    );
    await changeImage({ ...candidate, kernelPackages }, kernel, options);
  };
  for (const content of ["a", "a", "b"]) await derive(content);
  expect(asked.map((request) => request.kernel)).toEqual([
    expect.objectContaining({ folder: kernelPackages, names: ["kernel.rpm"] }),
    expect.objectContaining({ folder: kernelPackages, names: ["kernel.rpm"] }),
  ]);
  await expect(changeImage(candidate, kernel, options)).rejects.toThrow(
    /Nobody named packages of another kernel/,
  );
});

test("it has the layer between the candidate's and the story's own, and is made once", async () => {
  await using folder = await createWorkspace("inside");
  const asked: InsideRequest[] = [];
  const { candidate, cacheDir, derive } = await scene(folder, runnerOf(folder.path, asked));
  const image = await derive();
  expect(asked.map(({ packages, run }) => [packages, run])).toEqual([[change.packages, []]]);
  const [facts, from] = await Promise.all([
    readOciImage(layoutOf(image), "changed"),
    readOciImage(layoutOf(candidate), "v1"),
  ]);
  expect(facts.layers).toHaveLength(from.layers.length + 2);
  const config = JSON.parse(
    (await runCommand("skopeo", ["inspect", "--config", `oci:${layoutOf(image)}:changed`])).stdout,
  );
  expect(config.rootfs.diff_ids).toHaveLength(facts.layers.length);
  const layer = facts.layers.at(-2)?.digest.replace("sha256:", "") ?? "";
  const blob = join(layoutOf(image), "blobs", "sha256", layer);
  const { stdout } = await runCommand("tar", ["-tzf", blob]);
  expect(stdout.split("\n")).toEqual(
    expect.arrayContaining(["usr/share/new/about", "usr/share/.wh.old"]),
  );
  // gzip's own digest of what is in it is the one that the configuration names.
  const sum = await runCommand("sh", ["-c", `gzip -dc '${blob}' | sha256sum`]);
  expect(`sha256:${sum.stdout.split(" ")[0]}`).toBe(config.rootfs.diff_ids.at(-2));
  expect((await derive()).digest).toBe(image.digest);
  expect(asked).toHaveLength(1);
  expect(await lyingIn(join(cacheDir, "package-layers"))).toHaveLength(1);
});

test("a change without anything to run needs no machine, and one with it does", async () => {
  await using folder = await createWorkspace("inside");
  const { derive } = await scene(folder);
  const plain = { name: "plain", files: { "/etc/mine.conf": "mine\n" } };
  expect((await derive(plain)).digest).toMatch(/^sha256:/);
  await expect(derive()).rejects.toThrow(HostUnfit);
});

test("what is not an archive, and a failed run, leave nothing behind", async () => {
  await using folder = await createWorkspace("inside");
  const { cacheDir, derive } = await scene(folder, async ({ target }) => {
    await writeFile(target, "no archive".repeat(100));
    return { gone: [], bytes: 10_240 };
  });
  await expect(derive()).rejects.toThrow(CannotTell);
  expect(await lyingIn(join(cacheDir, "package-layers"))).toEqual([]);
});

test("a disk that was not flushed, and so is zeros, is not an empty layer", async () => {
  await using folder = await createWorkspace("inside");
  const { cacheDir, derive } = await scene(folder, async ({ target }) => {
    await writeFile(target, Buffer.alloc(1_000_000));
    return { gone: [], bytes: 20_480 };
  });
  await expect(derive()).rejects.toThrow(/is not the whole archive[\s\S]*20480 bytes/);
  expect(await lyingIn(join(cacheDir, "package-layers"))).toEqual([]);
});

test("an entry with a size below zero is not an archive", async () => {
  await using folder = await createWorkspace("inside");
  const header = Buffer.alloc(1024);
  header.write("x", 0);
  header.write("-0000001000", 124);
  header.write("ustar", 257);
  await writeFile(join(folder.path, "odd.tar"), header);
  await expect(endOfTar(join(folder.path, "odd.tar"), 10_240)).rejects.toThrow(CannotTell);
});

test.each([[["install", "--installroot=/x"]], [["swap", "one"]], [["remove"]]] as const)(
  "dnf5 is not told %j",
  async (step) => {
    await using folder = await createWorkspace("inside");
    const { derive } = await scene(folder, runnerOf(folder.path));
    await expect(derive({ name: "bad", packages: [step] })).rejects.toThrow(TypeError);
    await expect(readFile(join(folder.path, "upper"))).rejects.toThrow(/ENOENT/);
  },
);

test.each([
  ["a mark of a long name", "file", `usr/share/.wh.${"x".repeat(200)}`],
  ["a name of two bytes a letter", "file", `usr/${"\u00e9".repeat(49)}/${"\u00e9".repeat(60)}`],
  ["a folder without a slash", "folder", "a".repeat(100)],
  ["more than both fields hold", "file", `${"deep/".repeat(60)}${"y".repeat(90)}`],
  // The length of the record counts its own digits: 99 and 100 are the border.
  ["a record of 99 bytes and more", "file", `.wh.${"z".repeat(97)}`],
] as const)("a path that fits into no field has a record of its own: %s", async (_, kind, path) => {
  const entry = kind === "file" ? { kind, path, text: "content" } : { kind, path };
  const bytes = tarOf([entry, { kind: "file", path: "after", text: "" }]);
  const source = new ByteSource(
    (async function* () {
      yield bytes;
    })(),
  );
  const paths: string[] = [];
  for await (const { name } of readTar(source)) paths.push(Buffer.from(name, "latin1").toString());
  expect(paths.map((name) => name.replace(/\/$/, ""))).toEqual([path, "after"]);
  const listed = execFileSync("tar", ["--list", "--quoting-style=literal"], {
    input: bytes,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  expect(listed.toString().split("\n")[0]?.replace(/\/$/, "")).toBe(path);
});
