/** Images of which nothing can be derived: their unified kernel names the digest of their whole root. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { withDerivedImages } from "../../harness/cli/wiring/derived-images.ts";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import { changeImage, deriveImage } from "../../images/derive/derive.ts";
import { SealedImage } from "../../images/derive/sealed.ts";
import { makeCandidate } from "../contract/support/candidate.ts";
import { simulatedProfile } from "../rehearsal/rehearse.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { efiProgram, machineTypes } from "../unit/support/kernels.ts";
import type { TarItem } from "../unit/support/layers.ts";

const { signal } = new AbortController();

describe("an image whose unified kernel is bound to its own files", () => {
  const kernel = (commandLine: string): TarItem => ({
    name: "boot/EFI/Linux/a.efi",
    content: efiProgram(machineTypes.x86_64, [{ name: ".cmdline", content: commandLine }]),
  });

  test.each(["quiet composefs=?abc", "composefs.digest=v1-sha512-12:abc rw"])(
    "takes no layer: %s",
    async (commandLine) => {
      await using folder = await createWorkspace("derive");
      const sealed = await makeCandidate(join(folder.path, "oci"), "oci", [kernel(commandLine)]);
      const options = { cacheDir: join(folder.path, "cache"), signal };
      const deriving = deriveImage(sealed, "next", options);
      await expect(deriving).rejects.toBeInstanceOf(SealedImage);
      await expect(deriveImage(sealed, "next", options)).rejects.toThrow(
        /unified kernel '\/boot\/EFI\/Linux\/a\.efi' is bound to its own files/,
      );
      const scenarios = (await discoverScenarios()).filter(
        ({ id }) => id === "bootc/upgrade-rollback",
      );
      const images = await withDerivedImages({
        ...options,
        ...{ scenarios, images: { candidate: sealed }, say: () => undefined },
      });
      expect(Object.keys(images)).toEqual(["candidate"]);
      const machine = {
        ...simulatedProfile(createSimulatedDriver({ world: new SimulatedWorld() })),
      };
      const [job] = planJobs({
        ...{ scenarios, images, machines: [{ ...machine, refusal: null }] },
        repeatOptions: [],
      });
      expect(job?.skip).toMatch(/role 'previous' \(--previous IMAGE\)\. No image can be made of/);
    },
  );

  test("is another one than an image whose unified kernel names none", async () => {
    await using folder = await createWorkspace("derive");
    const open = await makeCandidate(join(folder.path, "oci"), "oci", [kernel("quiet root=x")]);
    const made = await deriveImage(open, "next", { cacheDir: join(folder.path, "cache"), signal });
    expect(made.derivedFrom).toBe(open.digest);
  });

  test("is not looked for again in what was derived, and a kernel that cannot be read says nothing", async () => {
    await using folder = await createWorkspace("derive");
    const odd: TarItem = { name: "boot/EFI/Linux/a.efi", content: "not a program" };
    const candidate = await makeCandidate(join(folder.path, "oci"), "oci", [odd]);
    const said: string[] = [];
    const options = {
      cacheDir: join(folder.path, "cache"),
      signal,
      onProgress: (line: string) => said.push(line),
    };
    const next = await deriveImage(candidate, "next", options);
    expect(next.derivedFrom).toBe(candidate.digest);
    await changeImage(
      next,
      { name: "more", files: { "/usr/x": "x" } },
      { ...options, directory: folder.path },
    );
    expect(said.filter((line) => line.startsWith("looks at the kernel"))).toHaveLength(1);
  });
});
