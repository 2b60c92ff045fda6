/**
 * One real installer of somebody else through the same driver, so that it is not tuned to the stand-in: Debian's netboot
 * installer, from the package of this host's own release. It needs Debian's udebs from a mirror to install; without a
 * network it has to say so, and the harness has to hear it.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../harness/base/package-root.ts";
import { runCommand } from "../../harness/base/process.ts";
import { bootgate } from "../vm/command-line.ts";

let folder = "";
let iso = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-debian-"));
  iso = await makeIso(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A medium as Debian's own `mini.iso`: kernel, initrd, a boot entry, and the file that says what it is. */
async function makeIso(work: string): Promise<string> {
  const version = /^VERSION_ID="(\d+)"$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
  const name = `debian-installer-${version}-netboot-amd64`;
  await runCommand("apt-get", ["-o", "APT::Sandbox::User=root", "download", name], {
    cwd: work,
    timeoutMs: 300_000,
  });
  const [archive = ""] = (await readdir(work)).filter((entry) => entry.endsWith(".deb"));
  const tree = join(work, "tree");
  await runCommand("dpkg-deb", ["-x", join(work, archive), tree], { timeoutMs: 120_000 });
  const from = join(
    tree,
    `usr/lib/debian-installer/images/${version}/amd64/text/debian-installer/amd64`,
  );
  const root = join(work, "root");
  for (const path of [".disk", "boot/grub"]) await mkdir(join(root, path), { recursive: true });
  for (const file of ["linux", "initrd.gz"])
    await runCommand("cp", [join(from, file), join(root, file)]);
  await writeFile(join(root, ".disk/info"), `Debian GNU/Linux ${version} netboot installer\n`);
  await writeFile(
    join(root, "boot/grub/grub.cfg"),
    "menuentry 'Install' {\n  linux /linux vga=788 --- quiet\n  initrd /initrd.gz\n}\n",
  );
  const target = join(work, "debian.iso");
  const names = ["-volid", "DEBIAN", "-iso-level", "3", "-R", "-J"];
  await runCommand("xorriso", ["-as", "mkisofs", "-quiet", ...names, "-o", target, root]);
  return target;
}

test("it boots, fetches its preseed, and is heard when it asks something: its mirror is not there", async () => {
  const out = join(folder, "runs");
  const preseed = join(packageRoot, "fixtures/kickstarts/debian-preseed.cfg");
  const story = ["run", "install/kickstart", "--candidate", iso, "--kickstart", preseed];
  const how = ["--architecture", "x86_64", "--network", "closed", "--out", out];
  const { code, output } = await bootgate([...story, ...how]);
  expect(code).toBe(3);
  expect(output).toContain("installer debian-installer");
  expect(output).toMatch(/broken: .*could not be reached/s);
}, 1_500_000);
