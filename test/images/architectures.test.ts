// Several architectures in one plan: an image for each, and jobs on machines of each. Through the command line's own `main`.
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { JobFacts } from "../../harness/log/events.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import { supportedArchitectures } from "../../images/image.ts";
import type { Ended } from "../contract/support/command.ts";
import { type MadeImage, makeImage, makeLayoutOf } from "../contract/support/image-maker.ts";
import { bootgateHere } from "../contract/support/in-process.ts";

let folder: Workspace;
let amd: MadeImage;
let arm: MadeImage;
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await createWorkspace("architectures");
  [amd, arm] = await Promise.all([
    makeImage(at("amd")),
    makeImage(at("arm"), { architecture: "arm64" }),
  ]);
  const images = [amd, arm];
  const layout = await makeLayoutOf(
    at("both"),
    images.map((image) => ({ image })),
  );
  const manifests = images.map(({ mediaType, digest, manifest }, index) => ({
    ...{ mediaType, digest, size: manifest.length },
    platform: { architecture: index === 0 ? "amd64" : "arm64", os: "linux" },
    annotations: { "org.opencontainers.image.ref.name": "v1" },
  }));
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await fakeHost();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** A host with emulators and firmware of both, whatever this one has. */
async function fakeHost(): Promise<void> {
  await mkdir(at("bin"));
  const fake = new URL("../drivers/fake-qemu/healthy", import.meta.url).pathname;
  for (const architecture of supportedArchitectures)
    await symlink(fake, join(at("bin"), architectureFacts[architecture].binary));
  await mkdir(at("config/qemu/firmware"), { recursive: true });
  const file = { filename: fake, format: "raw" };
  await writeFile(
    at("config/qemu/firmware/00-ours.json"),
    JSON.stringify({
      ...{ description: "UEFI", "interface-types": ["uefi"], features: [] },
      targets: [
        { architecture: "x86_64", machines: ["pc-q35-*"] },
        { architecture: "aarch64", machines: ["virt-*"] },
      ],
      mapping: { device: "flash", executable: file, "nvram-template": file },
    }),
  );
}

const plan = (...args: readonly string[]): Promise<Ended> =>
  bootgateHere(["plan", "boot/health", "--accelerator", "tcg", "--json", ...args], {
    XDG_CACHE_HOME: at("cache"),
    XDG_CONFIG_HOME: at("config"),
    PATH: `${at("bin")}:${process.env.PATH}`,
  });

const jobsOf = ({ stdout, stderr, code }: Ended): JobFacts[] => {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};
const inShort = (jobs: readonly JobFacts[]) =>
  jobs.map(({ id, images, skip }) => [id, images.candidate?.digest, skip ?? "runs"]);

test("each architecture that is asked for has its image of one name, and its own machines", async () => {
  const words = ["--candidate", `oci:${at("both")}:v1`, "--no-derive"];
  const jobs = jobsOf(await plan(...words, "--architecture", "x86_64,aarch64"));
  expect(inShort(jobs)).toEqual([
    ["boot/health@qemu-x86_64-uefi", amd.digest, "runs"],
    ["boot/health@qemu-aarch64-uefi", arm.digest, "runs"],
  ]);
  const repeats = jobs.map(({ repeat }) => /--architecture \S+/.exec(repeat)?.[0]);
  expect(repeats).toEqual(["--architecture x86_64", "--architecture aarch64"]);
});

test("a firmware that one of them does not have is skipped there alone", async () => {
  const words = ["--candidate", `oci:${at("both")}:v1`, "--no-derive", "--firmware", "uefi,bios"];
  const jobs = jobsOf(await plan(...words, "--architecture", "aarch64,x86_64"));
  expect(inShort(jobs)).toEqual([
    ["boot/health@qemu-aarch64-uefi", arm.digest, "runs"],
    ["boot/health@qemu-aarch64-bios", arm.digest, expect.stringMatching(/does not exist/)],
    ["boot/health@qemu-x86_64-uefi", amd.digest, "runs"],
    ["boot/health@qemu-x86_64-bios", amd.digest, "runs"],
  ]);
});

test.each([
  [
    "a matrix names them by its machines",
    "machines: [{ architecture: x86_64, firmware: bios }, { architecture: aarch64, firmware: uefi }]",
    [],
    ["boot/health@qemu-x86_64-bios+both", "boot/health@qemu-aarch64-uefi+both"],
  ],
  [
    "machines of a matrix that leave it out are of each that was asked for",
    "machines: [{ firmware: uefi }]",
    ["--architecture", "x86_64,aarch64"],
    ["boot/health@qemu-x86_64-uefi+both", "boot/health@qemu-aarch64-uefi+both"],
  ],
  [
    "a matrix without machines has those of each that was asked for",
    "",
    ["--architecture", "aarch64"],
    ["boot/health@qemu-aarch64-uefi+both"],
  ],
])("%s", async (_title, machines, words, ids) => {
  const file = at("matrix.yaml");
  const image = `{ candidate: "oci:${at("both")}:v1", label: both }`;
  await writeFile(file, `version: 1\nimages: [${image}]\n${machines}\n`);
  const jobs = jobsOf(await plan("--matrix", file, "--no-derive", ...words));
  expect(jobs.map(({ id }) => id)).toEqual(ids);
  for (const { id, images } of jobs)
    expect(images.candidate?.digest).toBe(id.includes("aarch64") ? arm.digest : amd.digest);
});

test("an image of one architecture is not one of another", async () => {
  const ended = await plan("--candidate", `oci:${at("both")}:v1`, "--architecture", "s390x");
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/Allowed choices are x86_64, aarch64; several with commas/);
  const named = ["--candidate", "reference-bootupd:v2", "--architecture", "aarch64"];
  const built = await plan(...named);
  expect(built.code).toBe(2);
  expect(built.stderr).toContain("'reference-bootupd:v2' is built for x86_64, not for aarch64");
});
