// An image for machines that this host does not make, at a registry.
import { join } from "node:path";
import { expect, test } from "vitest";
import { bootgate } from "../contract/support/command.ts";
import { makeImage } from "../contract/support/image-maker.ts";
import { openRegistryLab } from "../contract/support/registry-lab.ts";

test("an image that no machine here boots is known by its documents, for a plan and for a shell: no layer is fetched", async () => {
  await using lab = await openRegistryLab();
  // Machines of aarch64 do not have a BIOS, whatever is installed here.
  const far = await makeImage(join(lab.folder, "far"), { architecture: "arm64" });
  const asked = ["--architecture", "aarch64", "--firmware", "bios", "--accelerator", "tcg"];
  await lab.push(far, "far:v1");
  lab.requests.length = 0;
  const { code, stdout, stderr } = await bootgate(
    [
      ...["plan", "boot/health", "bootc/upgrade-rollback", ...asked, "--json"],
      ...["--candidate", `docker://${lab.host}/far:v1`, "--tls-verify", "false"],
    ],
    { XDG_CACHE_HOME: join(lab.folder, "cache-far") },
  );
  expect(code, stderr).toBe(0);
  const jobs = JSON.parse(stdout) as { skip?: string; images: Record<string, object> }[];
  expect(jobs.map(({ skip }) => skip)).toEqual([
    expect.stringMatching(/A BIOS for aarch64 does not exist/),
    expect.stringMatching(/A BIOS for aarch64 does not exist/),
  ]);
  expect(jobs[0]?.images.candidate).toMatchObject({ digest: far.digest });
  const shell = await bootgate(
    ["shell", `docker://${lab.host}/far:v1`, ...asked, "--tls-verify", "false"],
    { XDG_CACHE_HOME: join(lab.folder, "cache-far") },
  );
  expect([shell.code, shell.stderr]).toEqual([
    3,
    expect.stringMatching(/cannot be booted here\.[\s\S]*A BIOS for aarch64 does not exist/),
  ]);
  expect(lab.requests.join("\n")).toContain(far.config);
  for (const { digest } of far.layers) expect(lab.requests.join("\n")).not.toContain(digest);
});
