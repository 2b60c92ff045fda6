/** The fixture that serves RPM packages, built by the real rpmbuild and createrepo_c. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { openRpmRepository } from "../../fixtures/rpm-repository.ts";
import { HostUnfit, MachineFault } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { ownerOfKernel, specOfKernel } from "../../images/rpm/kernel.ts";
import { type RpmPackage, storyPackages } from "../../images/rpm/packages.ts";
import { buildSpecs, provideRepository } from "../../images/rpm/repository.ts";

const { signal } = new AbortController();

afterEach(() => {
  vi.unstubAllEnvs();
});

async function cache(): Promise<string> {
  const workspace = await createWorkspace("rpm-test");
  onTestFinished(() => workspace[Symbol.asyncDispose]());
  return workspace.path;
}

/** Contents of a repository by path, what the shelf notes aside. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && entry.name !== "record.json")
      found[path.slice(folder.length + 1)] = (await readFile(path)).toString("base64");
  }
  return found;
}

const odd: RpmPackage = {
  name: "bootgate-odd",
  version: "1",
  files: {
    "/usr/share/bootgate-odd/about": { text: "100 %{name} 'quoted' $HOME\n" },
    "/etc/bootgate-odd.conf": { text: "a=1\n", isConfiguration: true },
    "/usr/bin/bootgate-odd": { text: "#!/bin/sh\n", isExecutable: true },
  },
  post: ["echo here"],
};

test("packages have what their specs say, the same bytes each time, and are built once", async () => {
  const [one, other] = [await cache(), await cache()];
  // The macros of the user who builds do not come in.
  await writeFile(join(other, ".rpmmacros"), "%_binary_payload w9.xzdio\n");
  const first = await provideRepository([odd], { cacheDir: one, signal });
  vi.stubEnv("HOME", other);
  const second = await provideRepository([odd], { cacheDir: other, signal });
  expect(await contents(second)).toEqual(await contents(first));
  expect(await provideRepository([odd], { cacheDir: one, signal })).toBe(first);

  const rpm = join(first, "bootgate-odd-1-1.noarch.rpm");
  const ask = async (...words: string[]): Promise<string> =>
    (await runCommand("rpm", ["-qp", "--dbpath", join(one, "db"), ...words, rpm])).stdout;
  const rows = (
    await ask("--qf", "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME} %{FILEFLAGS:fflags}\n]")
  )
    .split("\n")
    .map((row) => row.trim());
  expect(rows.sort()).toEqual([
    "/etc/bootgate-odd.conf -rw-r--r-- root cn",
    "/usr/bin/bootgate-odd -rwxr-xr-x root",
    "/usr/share/bootgate-odd drwxr-xr-x root",
    "/usr/share/bootgate-odd/about -rw-r--r-- root",
  ]);
  expect(await ask("--scripts")).toMatch(/using \/bin\/sh\):\necho here/);
  const digests = await ask("--qf", "[%{FILENAMES} %{FILEDIGESTS}\n]");
  const text = odd.files["/usr/share/bootgate-odd/about"]?.text ?? "";
  const { stdout: digest } = await runCommand("sha256sum", [], { input: text });
  expect(digests).toContain(`/usr/share/bootgate-odd/about ${digest.slice(0, 64)}`);
});

test("guests are served packages and metadata, and nothing else", async () => {
  const cacheDir = await cache();
  const repository = await openRpmRepository({ address: "10.0.2.100", cacheDir, signal });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const { handle, hostPort, forwards } = repository;
  expect(handle.url).toBe("http://10.0.2.100:8081/");
  expect(forwards).toEqual([{ guestAddress: "10.0.2.100", guestPort: 8081, hostPort }]);
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${hostPort}/${path}`);
  const metadata = await (await get("repodata/repomd.xml")).text();
  const primary = /repodata\/[0-9a-f]{64}-primary\.xml\.gz/.exec(metadata)?.[0] ?? "";
  expect((await get(primary)).status).toBe(200);
  for (const { name, version } of storyPackages)
    expect((await get(`${name}-${version}-1.noarch.rpm`)).status, name).toBe(200);
  for (const path of ["record.json", "", "repodata/"])
    expect((await get(path)).status, path).toBe(404);
  expect(handle.askedFor("repodata/repomd.xml")).toBe(1);
  expect(handle.askedFor("bootgate-tool-1-1.noarch.rpm")).toBe(1);
  repository.fail(new Error("out of descriptors"));
  await expect(repository.died).rejects.toThrow(MachineFault);
});

test("a host without the programs is told what to install, and it is the host's fault", async () => {
  vi.stubEnv("PATH", "/nonexistent");
  const opening = openRpmRepository({ address: "10.0.2.100", cacheDir: await cache(), signal });
  await expect(opening).rejects.toThrow(HostUnfit);
  await expect(opening).rejects.toThrow(
    /'rpmbuild' cannot be run[\s\S]*rpm createrepo-c[\s\S]*rpm-build createrepo_c/,
  );
});

test("a package that cannot be built is the host's fault, too, and nothing is left of it", async () => {
  const cacheDir = await cache();
  const broken = { ...odd, preamble: ["Nonsense"] };
  await expect(provideRepository([broken], { cacheDir, signal })).rejects.toThrow(HostUnfit);
  expect(
    (await readdir(join(cacheDir, "rpm-repositories"))).filter((n) => !n.startsWith(".")),
  ).toEqual([]);
});

test("a kernel is packed with its folder as Fedora's, and another package owns one that it does not bring", async () => {
  const folder = await cache();
  const release = "6.12.118+deb13-cloud-amd64";
  const at = `/lib/modules/${release}`;
  const modules = join(folder, "modules");
  await mkdir(join(modules, "kernel"), { recursive: true });
  await writeFile(join(modules, "vmlinuz"), "MZ");
  await writeFile(join(modules, "kernel", "dummy.ko"), "a module");
  const packages = join(folder, "packages");
  await mkdir(packages);
  await buildSpecs(packages, [specOfKernel(release, modules)], { signal, architecture: "aarch64" });
  const ask = async (rpm: string, ...words: string[]): Promise<string[]> =>
    (await runCommand("rpm", ["-qp", "--dbpath", join(folder, "db"), ...words, rpm])).stdout
      .trim()
      .split("\n")
      .map((line) => line.trim());
  const format = "[%{FILENAMES} %{FILEUSERNAME} %{FILEFLAGS:fflags}\n]";
  const [name, ...others] = await readdir(packages);
  expect([name, others]).toEqual(["reference-kernel-6.12.118-1.aarch64.rpm", []]);
  const rpm = join(packages, name ?? "");
  expect(await ask(rpm, "--qf", format)).toEqual(
    ["", "/kernel", "/kernel/dummy.ko", "/vmlinuz"].map((path) => `${at}${path} root`),
  );
  expect(await ask(rpm, "--provides")).toContain("installonlypkg(kernel)");

  const repository = await provideRepository([ownerOfKernel(release)], {
    cacheDir: folder,
    signal,
  });
  const owner = join(repository, "reference-kernel-6.12.118-1.noarch.rpm");
  expect(await ask(owner, "--qf", format)).toEqual([`${at} root`, `${at}/vmlinuz root g`]);
  expect(await ask(owner, "--qf", "[%{FILENAMES}: %{FILEMODES:perms}\n]")).toHaveLength(2);
});
