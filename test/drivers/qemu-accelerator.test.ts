/** The functional probe against fakes: a device that opens proves nothing, a kernel that comes through does. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { findAccelerator, forceKvm } from "../../harness/machine/qemu/accelerator.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";

const facts = architectureFacts.x86_64;
if (facts === undefined) throw new Error("the table lost x86_64");
/** A fake emulator by its name, or any program by its path. */
const fake = (name: string): string =>
  new URL(name, new URL("fake-qemu/", import.meta.url)).pathname;

/** Long enough for any fake that comes through, and short for one that never does. */
const ample = 30_000;
const brief = { probeMs: 800 };

/** A host with a usable KVM device and a kernel to probe with, unless a case takes one away. */
async function probe(
  folder: string,
  binary: string,
  change: { device?: string; boot?: string; probeMs?: number } = {},
) {
  await writeFile(join(folder, "kvm"), "");
  await writeFile(join(folder, "vmlinuz-1"), "");
  return findAccelerator({
    emulator: { binary: fake(binary), version: "9.9.9" },
    facts: { ...architectureFacts.x86_64, ...facts, nodeArch: process.arch } as NonNullable<
      typeof facts
    >,
    cacheDir: join(folder, "cache"),
    kvmDevice: change.device ?? join(folder, "kvm"),
    bootFolder: change.boot ?? folder,
    probeMs: change.probeMs ?? ample,
    signal: new AbortController().signal,
  });
}

test.each<[string, string, "kvm" | "tcg", RegExp, { probeMs?: number }]>([
  ["a kernel that comes through", "kernel-runs", "kvm", /ran under KVM/, {}],
  [
    "a kernel that hangs after its first lines",
    "kernel-hangs",
    "tcg",
    /not through after 0\.8 s/,
    brief,
  ],
  ["a QEMU that does not take KVM", "exits-early", "tcg", /QEMU ended/, {}],
])("%s", async (_, binary, accelerator, reason, change) => {
  await using workspace = await createWorkspace("test");
  const answer = await probe(workspace.path, binary, change);
  expect(answer).toEqual({ accelerator, reason: expect.stringMatching(reason) });
  expect(await readFile(join(workspace.path, "cache/accelerator.json"), "utf8")).toContain(
    `"${accelerator}"`,
  );
});

test("the answer is kept: the second question starts nothing", async () => {
  await using workspace = await createWorkspace("test");
  const starts = join(workspace.path, "starts");
  const counted = join(workspace.path, "counted-qemu");
  const script = `#!/bin/sh\necho started >> '${starts}'\nexec '${fake("kernel-hangs")}' "$@"\n`;
  await writeFile(counted, script, { mode: 0o755 });
  const first = await probe(workspace.path, counted, brief);
  expect(await probe(workspace.path, counted, brief)).toEqual(first);
  expect(await readFile(starts, "utf8")).toBe("started\n");
  // Another emulator is another question.
  expect((await probe(workspace.path, "kernel-runs")).accelerator).toBe("kvm");
});

test("a longer limit asks again after a no, and takes a yes as it is", async () => {
  await using workspace = await createWorkspace("test");
  expect((await probe(workspace.path, "kernel-hangs", { probeMs: 300 })).reason).toMatch(
    /not through after 0\.3 s/,
  );
  expect((await probe(workspace.path, "kernel-hangs", { probeMs: 700 })).reason).toMatch(
    /not through after 0\.7 s/,
  );
  // A shorter one is answered by the longer.
  expect((await probe(workspace.path, "kernel-hangs", { probeMs: 300 })).reason).toMatch(/0\.7 s/);
  expect((await probe(workspace.path, "kernel-runs")).accelerator).toBe("kvm");
  expect((await probe(workspace.path, "kernel-runs", { probeMs: 60_000 })).accelerator).toBe("kvm");
});

test("KVM that is asked for is not probed, and refused where its device does not open", async () => {
  await using workspace = await createWorkspace("test");
  const here = { ...facts, nodeArch: process.arch };
  const kvmDevice = join(workspace.path, "kvm");
  await expect(forceKvm({ facts: here, kvmDevice })).rejects.toThrow(
    /KVM was asked for and cannot be had: .* is missing/,
  );
  await writeFile(kvmDevice, "");
  expect(await forceKvm({ facts: here, kvmDevice })).toEqual({
    accelerator: "kvm",
    reason: "It was asked for.",
  });
  await expect(forceKvm({ facts: { ...here, nodeArch: "s390x" }, kvmDevice })).rejects.toThrow(
    /only guests of its own architecture/,
  );
});

test("a damaged cache is asked again", async () => {
  await using workspace = await createWorkspace("test");
  await probe(workspace.path, "kernel-runs");
  await writeFile(join(workspace.path, "cache/accelerator.json"), "{");
  expect((await probe(workspace.path, "kernel-runs")).accelerator).toBe("kvm");
});

test("without the device or without a kernel it is TCG, with the reason", async () => {
  await using workspace = await createWorkspace("test");
  const none = join(workspace.path, "none");
  expect((await probe(workspace.path, "kernel-runs", { boot: none })).reason).toMatch(
    /no kernel can be read/,
  );
  expect((await probe(workspace.path, "kernel-runs", { device: none })).reason).toMatch(/missing/);
});
