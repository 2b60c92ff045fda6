/** A template may be forked only where the very same would boot: each thing that is booted is in its key. */
import { appendFile, mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { type BootPlan, machineSpec } from "../../harness/engine/boot.ts";
import type { Disk, MachineSpec } from "../../harness/machine/machine.ts";
import { createQemuDriver } from "../../harness/machine/qemu/driver.ts";
import { type ResolveOptions, resolveImage, withArchitecture } from "../../images/resolve.ts";
import { gptDisk, MiB } from "../contract/support/disks.ts";

const signal = new AbortController().signal;
let workspace: Workspace;
let binary: string;

beforeAll(async () => {
  workspace = await createWorkspace("key");
  binary = join(workspace.path, "says-its-version");
  await writeFile(binary, "#!/bin/sh\necho QEMU emulator version 7.2.22\n", { mode: 0o755 });
});
afterAll(() => workspace[Symbol.asyncDispose]());

const keyOf = async (spec: MachineSpec): Promise<string> => {
  const driver = await createQemuDriver({
    cacheDir: workspace.path,
    accelerator: "tcg",
    binary,
    firmwareFolders: [join(workspace.path, "descriptors")],
  });
  return driver.templates.key(spec);
};

const overlay: Disk = {
  kind: "overlay",
  backingFile: "/disks/one.qcow2",
  backingFormat: "qcow2",
  contentDigest: `sha256:${"a".repeat(64)}`,
};
const spec: MachineSpec = {
  name: "candidate",
  architecture: "x86_64",
  firmware: "bios",
  memoryMiB: 512,
  cpus: 1,
  disks: [overlay],
  network: "closed",
  forwards: [],
  credentials: {},
  imageDigest: `sha256:${"1".repeat(64)}`,
};
const iso: Disk = { kind: "iso", path: "/a.iso", contentDigest: "one" };

test.each<[string, Partial<MachineSpec>, Partial<MachineSpec>]>([
  [
    "two disks of one OCI image",
    { disks: [overlay] },
    { disks: [{ ...overlay, contentDigest: `sha256:${"b".repeat(64)}` }] },
  ],
  ["raw and qcow2", { disks: [overlay] }, { disks: [{ ...overlay, backingFormat: "raw" }] }],
  ["sectors", { disks: [overlay] }, { disks: [{ ...overlay, sectorBytes: 4096 }] }],
  ["a second disk", { disks: [overlay] }, { disks: [overlay, { kind: "blank", sizeMiB: 1 }] }],
  [
    "the content of an ISO at the same place",
    { disks: [overlay, iso] },
    { disks: [overlay, { ...iso, contentDigest: "two" }] },
  ],
  ["memory", {}, { memoryMiB: 1024 }],
  ["processors", {}, { cpus: 2 }],
  ["network", {}, { network: "open" }],
  ["credentials", {}, { credentials: { a: "b" } }],
])("another key for: %s", async (_what, one, other) => {
  expect(await keyOf({ ...spec, ...one })).not.toBe(await keyOf({ ...spec, ...other }));
});

test("the same key wherever the same content lies, and whatever the machine is called", async () => {
  const moved: Disk = { ...overlay, backingFile: "/elsewhere.qcow2", stamp: "1", sectorBytes: 512 };
  expect(await keyOf({ ...spec, name: "other", disks: [moved] })).toBe(await keyOf(spec));
});

test("firmware counts by its content, also when a package kept its size and time", async () => {
  const folder = join(workspace.path, "descriptors");
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(workspace.path, name);
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(at(name), text);
    await utimes(at(name), 1_700_000_000, 1_700_000_000);
  };
  const file = (name: string) => ({ filename: at(name), format: "raw" });
  await writeFile(
    join(folder, "50-test.json"),
    JSON.stringify({
      description: "test",
      "interface-types": ["uefi"],
      mapping: {
        device: "flash",
        executable: file("CODE.fd"),
        "nvram-template": file("VARS.fd"),
      },
      targets: [{ architecture: "x86_64", machines: ["pc-q35-*"] }],
      features: [],
    }),
  );
  await write("CODE.fd", "code 1");
  await write("VARS.fd", "vars 1");
  const uefi = { ...spec, firmware: "uefi" } as const;
  const first = await keyOf(uefi);
  expect(await keyOf(uefi)).toBe(first);
  await write("CODE.fd", "code 2");
  const second = await keyOf(uefi);
  await write("VARS.fd", "vars 2");
  const third = await keyOf(uefi);
  expect(new Set([first, second, third]).size).toBe(3);
});

test("a rebuilt emulator of the same version makes another key", async () => {
  const before = await keyOf(spec);
  await appendFile(binary, "# rebuilt\n");
  expect(await keyOf(spec)).not.toBe(before);
});

test("a catalogue entry with another disk of the same OCI image has a key of its own", async () => {
  const folder = workspace.path;
  await writeFile(join(folder, "v1.raw"), gptDisk());
  await writeFile(join(folder, "v2.raw"), gptDisk({ bytes: 8 * MiB }));
  const options: ResolveOptions = {
    catalogue: { path: "c.yaml", directory: folder, images: {} },
    cacheDir: join(folder, "cache"),
    cwd: folder,
    signal,
    onProgress: () => undefined,
    reference: async () => ({ dir: "", ociLayout: "", versions: {} }),
  };
  const [one, two] = await Promise.all(
    ["v1.raw", "v2.raw"].map(async (name) =>
      withArchitecture(await resolveImage(name, options), "x86_64"),
    ),
  );
  if (one === undefined || two === undefined) throw new Error("two images were asked for");
  const plan = { firmware: "bios", memoryMiB: 512, cpus: 1, network: "closed", credentials: {} };
  const specFor = (image: typeof one): MachineSpec =>
    machineSpec(plan as BootPlan, { name: "candidate", image, forwards: [] });
  // The wrong pass of before: what boots is v1's disk, what is asked for is v2's manifest.
  const mixed = { ...two, disk: one.disk };
  expect(await keyOf(specFor(mixed))).not.toBe(await keyOf(specFor(two)));
});

test("a disk that changes between its digest and its boot is refused", async () => {
  const path = join(workspace.path, "changes.raw");
  await writeFile(path, gptDisk());
  const stamp = await fileStamp(path);
  await utimes(path, 1_700_000_000, 1_700_000_000);
  const changed: Disk = { ...overlay, backingFile: path, backingFormat: "raw", stamp };
  const driver = await createQemuDriver({ cacheDir: workspace.path, accelerator: "tcg", binary });
  const made = driver.create({ ...spec, disks: [changed] }, { directory: workspace.path, signal });
  await expect(made).rejects.toThrow(/has changed since its digest was taken/);
});
