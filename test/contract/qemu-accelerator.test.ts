/** The functional probe against fakes: a device that opens proves nothing, a kernel that comes through does. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { findAccelerator } from "../../harness/machine/qemu/accelerator.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";

const facts = architectureFacts.x86_64;
if (facts === undefined) throw new Error("the table lost x86_64");
const fake = (name: string): string => new URL(`fake-qemu/${name}`, import.meta.url).pathname;

/** A host with a usable KVM device and a kernel to probe with, unless a case takes one away. */
async function probe(
  folder: string,
  binary: string,
  change: { device?: string; boot?: string } = {},
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
    probeMs: 2500,
    signal: new AbortController().signal,
  });
}

test.each<[string, string, "kvm" | "tcg", RegExp]>([
  ["a kernel that comes through", "kernel-runs", "kvm", /ran under KVM/],
  ["a kernel that hangs after its first lines", "kernel-hangs", "tcg", /not through after/],
  ["a QEMU that does not take KVM", "exits-early", "tcg", /QEMU ended/],
])("%s", async (_, binary, accelerator, reason) => {
  await using workspace = await createWorkspace("test");
  const answer = await probe(workspace.path, binary);
  expect(answer).toEqual({ accelerator, reason: expect.stringMatching(reason) });
  expect(await readFile(join(workspace.path, "cache/accelerator.json"), "utf8")).toContain(
    `"${accelerator}"`,
  );
});

test("the answer is kept: the second question starts nothing", async () => {
  await using workspace = await createWorkspace("test");
  const first = await probe(workspace.path, "kernel-hangs");
  const began = performance.now();
  expect(await probe(workspace.path, "kernel-hangs")).toEqual(first);
  expect(performance.now() - began).toBeLessThan(1000);
  // Another emulator is another question.
  expect((await probe(workspace.path, "kernel-runs")).accelerator).toBe("kvm");
});

test("a damaged cache is asked anew", async () => {
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
