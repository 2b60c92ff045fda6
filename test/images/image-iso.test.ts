// Volumes as xorriso writes them, and as blkid and xorriso read ours.
import { mkdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { readInstaller } from "../../images/iso/installer.ts";
import { openIso } from "../../images/iso/iso9660.ts";
import { writeIso } from "../../images/iso/write-iso.ts";
import { resolveImage, resolvePair } from "../../images/resolve.ts";
import { makeLayout } from "../contract/support/oci-layout.ts";
import { fedora, type Medium, pack } from "./support/installer-iso.ts";

const { signal } = new AbortController();

const look = (iso: string, folder: string) =>
  readInstaller(iso, { cacheDir: join(folder, "cache"), signal });

test.each([true, false])("an installer is read, with Rock Ridge: %s", async (rockRidge) => {
  await using folder = await createWorkspace("iso");
  const iso = await pack(folder.path, { label: "Fedora-43", rockRidge, files: fedora });
  const { installer, architecture } = await look(iso, folder.path);
  expect(installer).toMatchObject({
    label: "Fedora-43",
    arguments: ["inst.stage2=hd:LABEL=Fedora-43", "quiet"],
    carriesImage: false,
    family: "anaconda",
  });
  expect(architecture).toBe("x86_64");
  const { kernel } = installer;
  const bytes = await readFile(iso);
  expect(bytes.toString("latin1", kernel.start, kernel.start + kernel.size)).toBe("kernel");
});

test("long names of Rock Ridge are read, also where they go on elsewhere on the volume", async () => {
  await using folder = await createWorkspace("iso");
  const long = `${"a-very-long-name-".repeat(13)}end`;
  const iso = await pack(folder.path, { label: "LONG", files: { [`deep/${long}`]: "found" } });
  await using volume = await openIso(iso);
  const file = await volume.find(`/deep/${long}`);
  expect(file?.path).toBe(`/deep/${long}`);
  expect((await volume.read(file ?? expect.fail(), 100)).toString()).toBe("found");
  expect(await volume.find("/deep/absent")).toBeNull();
  expect(await volume.find("/deep")).toBeNull();
});

test("kernel and initrd are those of the boot loader where they are not in Fedora's place", async () => {
  await using folder = await createWorkspace("iso");
  const iso = await pack(folder.path, {
    label: "DEBIAN",
    files: {
      "install.amd/vmlinuz": "kernel",
      "install.amd/initrd.gz": "initrd",
      "isolinux/txt.cfg":
        "label install\n\tkernel /install.amd/vmlinuz\n\tappend vga=788 initrd=/install.amd/initrd.gz --- quiet\n",
    },
  });
  const { installer } = await look(iso, folder.path);
  expect(installer.kernel.path).toBe("/install.amd/vmlinuz");
  expect(installer.initrd.path).toBe("/install.amd/initrd.gz");
  expect(installer.arguments).toEqual(["vga=788", "---", "quiet"]);
});

test("the release of Fedora is told by the medium's own files", async () => {
  await using folder = await createWorkspace("iso");
  const files = { ...fedora, ".discinfo": "1761000000.0\n43\nx86_64\n" };
  const iso = await pack(folder.path, { label: "Fedora-E-dvd-x86_64-43", files });
  expect((await look(iso, folder.path)).installer.fedora).toBe(43);
});

test("what stands in for real programs is told by the medium, a word a line", async () => {
  await using folder = await createWorkspace("iso");
  const files = { ...fedora, "bootgate-stand-ins.txt": "anaconda\nbootc\n<b>\n" };
  const iso = await pack(folder.path, { label: "TOLD", files });
  expect((await look(iso, folder.path)).standIns).toEqual(["anaconda", "bootc"]);
});

test("an ISO and the OCI image beside it are one candidate, which is that image", async () => {
  await using folder = await createWorkspace("iso");
  const { path } = folder;
  await pack(path, { label: "NETINST", files: fedora });
  const { digest } = await makeLayout(join(path, "layout"));
  const options = {
    catalogue: { path: "c.yaml", directory: path, images: {} },
    ...{ cacheDir: join(path, "cache"), cwd: path, signal, onProgress: () => undefined },
    reference: () => expect.fail("Nothing is built."),
  };
  const image = await resolvePair("installer-x86_64.iso", "oci:layout:v1", options);
  expect(image).toMatchObject({
    ...{ name: "installer-x86_64.iso", digest, manifest: digest, disk: null },
    ...{ oci: { tag: "v1" }, installer: { label: "NETINST", carriesImage: false } },
  });
  expect(image.installer?.digest).not.toBe(digest);
  const pinned = `installer-x86_64.iso@${digest}`;
  await expect(resolvePair(pinned, "oci:layout:v1", options)).rejects.toThrow(/asked for/);
});

const manifest = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: `sha256:${"a".repeat(64)}`,
  size: 1,
};

const packCarrying = (folder: string, manifests: readonly object[]): Promise<string> => {
  const index = JSON.stringify({ schemaVersion: 2, manifests });
  return pack(folder, { label: "WITH", files: { ...fedora, "container/index.json": index } });
};

test.each([
  ["one of several", [manifest, { ...manifest, digest: `sha256:${"b".repeat(64)}` }]],
  ["one of no platform", [{ ...manifest, mediaType: "application/vnd.oci.image.index.v1+json" }]],
  ["one that nobody can read", [{}]],
])("which image is installed nobody knows of %s on the medium", async (_what, manifests) => {
  await using folder = await createWorkspace("iso");
  const { installer } = await look(await packCarrying(folder.path, manifests), folder.path);
  expect([installer.carriesImage, installer.carries]).toEqual([true, undefined]);
});

test("an image on the medium is found", async () => {
  await using folder = await createWorkspace("iso");
  const { installer } = await look(await packCarrying(folder.path, [manifest]), folder.path);
  expect(installer).toMatchObject({ carriesImage: true, carries: manifest.digest });
});

test.each<[string, Medium, RegExp]>([
  ["no kernel", { label: "DATA", files: { "readme.txt": "x" } }, /does not have a kernel to start/],
  [
    "an empty kernel",
    { label: "EMPTY", files: { ...fedora, "images/pxeboot/vmlinuz": "" } },
    /does not have a kernel to start/,
  ],
  [
    "a kernel at the usual place and no initrd",
    { label: "HALF", files: { "images/pxeboot/vmlinuz": "kernel" } },
    /does not have an initrd for its kernel '\/images\/pxeboot\/vmlinuz'/,
  ],
  [
    "a boot entry whose initrd is not there",
    {
      label: "HALF",
      files: {
        "casper/vmlinuz": "kernel",
        "EFI/BOOT/grub.cfg": "menuentry 'x' {\n  linux ($root)/casper/vmlinuz quiet\n}\n",
      },
    },
    /does not have an initrd for its kernel '\/casper\/vmlinuz'/,
  ],
  [
    "an empty initrd",
    { label: "EMPTY", files: { ...fedora, "images/pxeboot/initrd.img": "" } },
    /does not have an initrd for its kernel/,
  ],
  [
    "Ubuntu's live system",
    {
      label: "UBUNTU",
      files: {
        "casper/vmlinuz": "kernel",
        "casper/initrd": "initrd",
        "EFI/BOOT/grub.cfg":
          "menuentry 'x' {\n  linux /casper/vmlinuz --- quiet\n  initrd /casper/initrd\n}\n",
      },
    },
    /is a live medium of Ubuntu's kind \(casper\), which bootgate does not drive/,
  ],
  ["no label", { label: "", files: fedora }, /does not have a volume label/],
])("an ISO with %s is refused", async (_what, medium, expected) => {
  await using folder = await createWorkspace("iso");
  const iso = await pack(folder.path, medium);
  const refused = await look(iso, folder.path).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(UsageError);
  expect((refused as UsageError).headline).toMatch(expected);
});

test("an ISO that is cut short is refused, wherever it ends", async () => {
  await using folder = await createWorkspace("iso");
  const iso = await pack(folder.path, { label: "CUT", files: fedora });
  const { size } = await stat(iso);
  for (const bytes of [size - 2048, 60_000, 35_000]) {
    await truncate(iso, bytes);
    await expect(look(iso, folder.path)).rejects.toThrow(/is truncated: it has/);
  }
  await truncate(iso, 20_000);
  await expect(look(iso, folder.path)).rejects.toThrow(/is not an ISO image/);
});

test("numbers that lead out of the file are refused", async () => {
  await using folder = await createWorkspace("iso");
  const iso = await pack(folder.path, { label: "ODD", files: fedora });
  const bytes = await readFile(iso);
  // The root folder's place and size, in the primary descriptor.
  for (const [offset, value] of [
    [158, 0xffff_fff0],
    [166, 0x0800_0000],
  ] as const) {
    const odd = Buffer.from(bytes);
    odd.writeUInt32LE(value, 16 * 2048 + offset);
    await writeFile(iso, odd);
    await expect(look(iso, folder.path)).rejects.toBeInstanceOf(UsageError);
  }
});

test("an ISO is named like a disk, and is an image without one", async () => {
  await using folder = await createWorkspace("iso");
  const iso = await pack(folder.path, { label: "NAMED", files: fedora });
  const image = await resolveImage(iso, {
    catalogue: { path: "c.yaml", directory: folder.path, images: {} },
    cacheDir: join(folder.path, "cache"),
    cwd: folder.path,
    signal,
    onProgress: () => undefined,
    reference: () => expect.fail("Nothing of this is built."),
  });
  expect(image).toMatchObject({ disk: null, oci: null, manifest: null, architecture: "x86_64" });
  expect(image.installer?.label).toBe("NAMED");
  expect(image.digest).toBe(image.installer?.digest);
});

test("a volume that we write is read by others", async () => {
  await using folder = await createWorkspace("iso");
  const iso = join(folder.path, "oemdrv.iso");
  const text = `# ${"x".repeat(5000)}\n`;
  await writeFile(iso, writeIso("OEMDRV", [{ name: "ks.cfg", content: Buffer.from(text) }]));
  const blkid = await attemptCommand("blkid", ["-p", "-o", "export", iso]);
  expect(blkid.stdout).toMatch(/^LABEL=OEMDRV$/m);
  expect(blkid.stdout).toMatch(/^TYPE=iso9660$/m);
  const out = join(folder.path, "ks.cfg");
  await runCommand("xorriso", ["-osirrox", "on", "-indev", iso, "-extract", "/KS.CFG", out]);
  expect(await readFile(out, "utf8")).toBe(text);
  await using volume = await openIso(iso);
  expect((await volume.find("/ks.cfg"))?.size).toBe(text.length);
});

test.each([
  ["a BIOS", ["-b", "boot.img", "-no-emul-boot"], ["bios"]],
  ["UEFI", ["-e", "boot.img", "-no-emul-boot"], ["uefi"]],
  [
    "both",
    ["-b", "boot.img", "-no-emul-boot", "-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot"],
    ["bios", "uefi"],
  ],
  ["nothing", [], undefined],
])("a volume with a boot loader for %s says so", async (_, words, boots) => {
  await using folder = await createWorkspace("iso");
  const tree = join(folder.path, "tree");
  for (const [path, text] of Object.entries(fedora)) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), text);
  }
  for (const name of ["boot.img", "efi.img"]) await writeFile(join(tree, name), "x".repeat(4096));
  const iso = join(folder.path, "boots-x86_64.iso");
  const args = ["-as", "mkisofs", "-quiet", "-volid", "BOOTS", "-R", ...words, "-o", iso, tree];
  await runCommand("xorriso", args);
  expect((await look(iso, folder.path)).installer.boots).toEqual(boots);
});
