// Ways of installing and images that they say nothing of, through the command line's own `main`.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { JobFacts } from "../../harness/log/events.ts";
import { makeCandidate } from "../contract/support/candidate.ts";
import type { Ended } from "../contract/support/command.ts";
import { bootgateHere } from "../contract/support/in-process.ts";

let folder: Workspace;
beforeAll(async () => {
  folder = await createWorkspace("matrix-ways");
  await makeCandidate(join(folder.path, "one"));
});
afterAll(() => folder[Symbol.asyncDispose]());

/** An installer ISO that carries its image, as far as planning looks at one; returns its path. */
async function makeIso(name: string): Promise<string> {
  const [iso, tree] = [join(folder.path, name), join(folder.path, `${name}.tree`)];
  for (const file of [
    ...["images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"],
    ...["EFI/BOOT/BOOTX64.EFI", "container/index.json"],
  ]) {
    await mkdir(join(tree, dirname(file)), { recursive: true });
    await writeFile(join(tree, file), "x");
  }
  await runCommand("xorriso", ["-as", "mkisofs", "-quiet", "-R", "-V", "OS", "-o", iso, tree]);
  return iso;
}

const plan = (...args: readonly string[]): Promise<Ended> =>
  bootgateHere(["plan", "boot/health", "--accelerator", "tcg", ...args], {
    XDG_CACHE_HOME: join(folder.path, "cache"),
  });

test("a way that says nothing of an image is skipped for it, and the other ways and images go on", async () => {
  const iso = await makeIso("os.iso");
  const file = join(folder.path, "mixed.yaml");
  await writeFile(
    file,
    `version: 1
images: [{ candidate: oci:${folder.path}/one:v1, label: mine }, { candidate: ${iso}, label: iso }]
disks:
  - { name: ext4, filesystem: ext4 }
  - { name: native, backend: composefs, bootloader: systemd }
  - { name: by-bootc, kickstartCommand: bootc, kickstartLayout: custom }
  - { name: served, payload: registry }
`,
  );
  const ended = await plan("--matrix", file, "--architecture", "x86_64", "--json");
  expect(ended.code, ended.stderr).toBe(0);
  const jobs: JobFacts[] = JSON.parse(ended.stdout);
  const skips = Object.fromEntries(jobs.map(({ id, skip }) => [id.replace(/^[^+]*/, ""), skip]));
  expect(skips).toEqual({
    "+mine+ext4": undefined,
    "+mine+native": undefined,
    "+mine+by-bootc": expect.stringMatching(
      /'by-bootc' .* --kickstart-command and --kickstart-layout say nothing/,
    ),
    "+mine+served": expect.stringMatching(/--payload says nothing/),
    "+iso+ext4": undefined,
    "+iso+native": expect.stringMatching(
      /'native' .* is an ISO.*--backend and --bootloader say nothing/,
    ),
    "+iso+by-bootc": undefined,
    "+iso+served": expect.stringMatching(/needs the image that the registry is to serve/),
  });
  const refused = await plan("--candidate", iso, "--backend", "composefs");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("--backend says nothing of it");
});
