/** Disks that are made of OCI images: made once, found again, and never half there. The builder is a small one of the test. */
import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CannotTell, CommandFailed, HostUnfit } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import type { BuildRequest, DiskBuilder } from "../../harness/states/build/builder.ts";
import { defaultRecipe, diskSizeFor } from "../../harness/states/build/recipe.ts";
import { Disks } from "../../harness/states/built-disk.ts";
import type { MakeOptions, State } from "../../harness/states/state.ts";
import { type StateReport, statesAlone } from "../../harness/states/states.ts";
import type { Image } from "../../images/image.ts";
import { readOciImage } from "../../images/origins/oci-layout.ts";
import { runTool } from "../../images/reference/privileged.ts";
import { lyingIn } from "../contract/support/lying-in.ts";
import { makeLayout } from "../contract/support/oci-layout.ts";

let folder = "";
let image: Image;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-built-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
  const layout = join(folder, "oci");
  await makeLayout(layout);
  const { digest } = await readOciImage(layout, "v1");
  image = {
    name: "oci:oci:v1",
    digest,
    manifest: digest,
    architecture: "x86_64",
    disk: null,
    oci: { layout, tag: "v1" },
    follows: null,
    standIns: [],
  };
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function partitioned({ target }: BuildRequest): Promise<void> {
  const raw = `${target}.raw`;
  await writeFile(raw, "");
  await truncate(raw, 8 * 1024 * 1024);
  await runTool("sgdisk", ["--new=1:2048:4095", "--typecode=1:EF00", raw], {});
  await runCommand("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, target]);
}

function builderOf(
  work = partitioned,
  revision = 1,
): DiskBuilder & { readonly asked: BuildRequest[] } {
  const asked: BuildRequest[] = [];
  return {
    asked,
    name: "vm",
    revision,
    limitMs: () => 60_000,
    refuse: async () => null,
    cost: () => ({ memoryMiB: 1, cpus: 1, diskMiB: 1, locks: [] }),
    async build(request) {
      asked.push(request);
      await work(request);
      const result = {
        format: "qcow2",
        builder: "vm",
        installer: "bootc 1",
        filesystem: "ext4",
      } as const;
      return { ...result, command: "bootc install to-disk /dev/vdb" };
    },
  };
}

const disksOf = (builder: DiskBuilder, wish = defaultRecipe) =>
  new Disks({
    cacheDir: join(folder, "cache"),
    builder,
    wish,
    registry: { address: "10.0.2.100", port: 5000 },
  });
const how = (): MakeOptions => ({
  directory: folder,
  signal: new AbortController().signal,
  runSignal: new AbortController().signal,
  onStage: () => undefined,
  onEvidence: () => undefined,
  onNote: () => undefined,
});
async function stateOf(disks: Disks): Promise<State> {
  const state = await disks.stateOf(image);
  if (state === null) throw new Error("there is nothing to make");
  return state;
}

test("a disk is made once, and another run finds it", async () => {
  const builder = builderOf();
  await using first = disksOf(builder);
  const state = await stateOf(first);
  expect(await state.isMade()).toBe(false);
  await state.make(how());
  await using second = disksOf(builder);
  expect(await (await stateOf(second)).isMade()).toBe(true);
  const { disk } = await second.withDisk(image);
  expect(disk.format).toBe("qcow2");
  expect(disk.digest).toMatch(/^sha256:/);
  expect(builder.asked).toHaveLength(1);
});

test("the disk follows the registry of the run, or where its image came from", async () => {
  const builder = builderOf();
  await using disks = disksOf(builder);
  await (await stateOf(disks)).make(how());
  image = { ...image, follows: "quay.example/os:43" };
  await (await stateOf(disks)).make(how());
  expect(builder.asked.map(({ recipe }) => recipe.follows)).toEqual([
    "10.0.2.100:5000/os:stable",
    "quay.example/os:43",
  ]);
});

test("the report is told how the disk came to be", async () => {
  await using disks = disksOf(builderOf());
  await (await stateOf(disks)).make(how());
  const { disk } = await disks.withDisk(image);
  expect(disk.deviations?.map(({ id }) => id)).toEqual(["disk-built", "disk-arguments"]);
});

test.each([
  ["another recipe", { ...defaultRecipe, backend: "composefs" as const }, 1],
  ["another builder", defaultRecipe, 2],
])("%s is another disk", async (_what, wish, revision) => {
  await using disks = disksOf(builderOf());
  await using other = disksOf(builderOf(partitioned, revision), wish);
  expect((await stateOf(other)).key).not.toBe((await stateOf(disks)).key);
});

test("a layout that is written to meanwhile is not installed as what it was before", async () => {
  await using disks = disksOf(builderOf());
  const other = { ...image, digest: asDigest(`sha256:${"0".repeat(64)}`) };
  await expect(disks.stateOf({ ...other, manifest: other.digest })).rejects.toThrow(
    /changed after it was looked at/,
  );
});

test("a larger image gets a larger disk", () => {
  expect(diskSizeFor(120)).toBe(10 * 1024);
  expect(diskSizeFor(4000)).toBeGreaterThan(20 * 1024);
});

test("an installer that leaves no partitions behind has proved nothing", async () => {
  const empty = builderOf(async ({ target }) => {
    await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", target, "8M"]);
  });
  await using disks = disksOf(empty);
  const state = await stateOf(disks);
  await expect(state.make(how())).rejects.toThrow(CannotTell);
  expect(await state.isMade()).toBe(false);
});

test("a build that fails leaves nothing in the cache", async () => {
  const failing = builderOf(async ({ scratch }) => {
    await writeFile(join(scratch, "root.erofs"), "x");
    throw new CommandFailed("no");
  });
  await using disks = disksOf(failing);
  await expect((await stateOf(disks)).make(how())).rejects.toThrow("no");
  expect(await readdir(join(folder, "cache", "built-disks", ".staging"))).toEqual([]);
});

test("two runs that need one disk make it once: the second is told for whom it waits", async () => {
  let makes: () => void = () => undefined;
  let goOn: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    makes = resolve;
  });
  const wait = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const builder = builderOf(async (request) => {
    makes();
    await wait;
    await partitioned(request);
  });
  const run = (onReport: (report: StateReport) => void) =>
    statesAlone({ directory: join(folder, "run"), signal: how().signal, onReport });
  await using first = disksOf(builder);
  await using second = disksOf(builder);
  const making = run(() => undefined).prepare(await stateOf(first));
  await begun;
  const told: string[] = [];
  await run(({ type }) => {
    told.push(type);
    goOn();
  }).prepare(await stateOf(second));
  await making;
  expect(told).toEqual(["state-waiting"]);
  expect(builder.asked).toHaveLength(1);
  expect((await second.withDisk(image)).disk.digest).toMatch(/^sha256:/);
});

test("a full disk is the host's fault, and leaves nothing in the cache", async () => {
  const full = builderOf(async ({ scratch }) => {
    await writeFile(join(scratch, "root.erofs"), "x");
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  });
  await using disks = disksOf(full);
  const error: unknown = await (await stateOf(disks))
    .make(how())
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(HostUnfit);
  expect(String(error)).toMatch(/not enough space in the cache for the disk of 'oci:oci:v1'/);
  expect(await lyingIn(join(folder, "cache", "built-disks"))).toEqual([]);
});

test("an image's layout is read once, however often its disk is asked for", async () => {
  await using disks = disksOf(builderOf());
  await (await stateOf(disks)).make(how());
  await rm(image.oci?.layout ?? "", { recursive: true });
  expect((await disks.withDisk(image)).disk.format).toBe("qcow2");
  expect(await (await stateOf(disks)).isMade()).toBe(true);
});

test("an image with a disk, or without an OCI image, has nothing to be made", async () => {
  await using disks = disksOf(builderOf());
  expect(await disks.stateOf({ ...image, oci: null })).toBeNull();
  const disk = { path: "/x", format: "raw", digest: image.digest } as const;
  expect(await disks.stateOf({ ...image, disk })).toBeNull();
});
