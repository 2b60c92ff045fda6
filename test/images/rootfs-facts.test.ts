import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { describeRoot, type RootFacts, requireInstallable } from "../../images/rootfs/facts.ts";
import { readRootTree } from "../../images/rootfs/root-tree.ts";
import { gzipLayer, imageOf, type TarItem } from "../unit/support/layers.ts";

const never = new AbortController().signal;

async function factsOf(...layers: readonly (readonly TarItem[])[]): Promise<RootFacts> {
  await using folder = await createWorkspace("facts");
  const image = await imageOf(join(folder.path, "oci"), layers.map(gzipLayer));
  return await describeRoot(await readRootTree(image, { signal: never }), "x86_64");
}

const text = (name: string, content = ""): TarItem => ({ name, content });
const modules = "usr/lib/modules";
const kernel = (version: string): TarItem[] => [
  text(`${modules}/${version}/vmlinuz`, "kernel"),
  text(`${modules}/${version}/initramfs.img`, "initramfs"),
];
const bootc = text("usr/bin/bootc");

test("the facts of a whole image", async () => {
  const facts = await factsOf(
    [
      ...kernel("6.1"),
      bootc,
      text("usr/bin/bootupctl"),
      text("usr/lib/bootupd/updates/EFI.json", "{}"),
      { name: "etc/os-release", type: "2", link: "../usr/lib/os-release" },
      text(
        "usr/lib/os-release",
        'ID=fedora\nVERSION_ID=43\nPRETTY_NAME="Fedora \\"43\\""\n# ID=x\n',
      ),
      text(
        "usr/lib/bootc/install/00-a.toml",
        '[install]\nroot-fs-type = "xfs"\nkargs = ["a"]\nunknown = 1\n',
      ),
      text(
        "usr/lib/bootc/install/10-b.toml",
        '[install.filesystem.root]\ntype = "btrfs"\n[install.ostree]\nx = 1\n',
      ),
      text(
        "usr/lib/bootc/install/20-arm.toml",
        '[install]\nmatch-architectures = ["aarch64"]\nkargs = ["arm"]\nroot-fs-type = "ext4"\n',
      ),
      text(
        "usr/lib/bootc/install/30-c.toml",
        '[install]\nroot-fs-type = "ext4"\nbootloader = "systemd"\nkargs = ["b"]\n',
      ),
      text("usr/lib/bootc/install/40-hidden.toml", "[install\n"),
      text("etc/bootc/install/40-hidden.toml", '[install]\nkargs = ["c"]\n'),
      text("usr/lib/bootc/kargs.d/10.toml", 'kargs = ["console=ttyS0", "quiet"]\n'),
      text("usr/lib/bootc/kargs.d/20.toml", 'kargs = ["x"]\nmatch-architectures = ["aarch64"]\n'),
      text(
        "usr/lib/ostree/prepare-root.conf",
        "[composefs]\nenabled = signed\n[sysroot]\nreadonly=true\n",
      ),
      text("usr/sbin/mkfs.ext4"),
      text("usr/bin/mkfs.xfs"),
    ],
    [text("usr/sbin/.wh.mkfs.ext4"), text("usr/sbin/mkfs.btrfs")],
  );
  expect(facts).toMatchObject({
    kernels: [
      {
        version: "6.1",
        vmlinuz: "/usr/lib/modules/6.1/vmlinuz",
        initramfs: "/usr/lib/modules/6.1/initramfs.img",
      },
    ],
    hasBootc: true,
    bootupd: { hasProgram: true, hasPayload: true, components: ["EFI"] },
    os: { id: "fedora", versionId: "43", prettyName: 'Fedora "43"' },
    kargs: ["console=ttyS0", "quiet"],
    mkfs: ["btrfs", "xfs"],
    install: { filesystem: "btrfs", kargs: ["a", "b", "c"], bootloader: "systemd" },
  });
  expect(facts.install.files.map(({ path }) => path)).toContain(
    "/etc/bootc/install/40-hidden.toml",
  );
  expect([...(facts.prepareRoot ?? [])]).toEqual([
    ["composefs.enabled", "signed"],
    ["sysroot.readonly", "true"],
  ]);
  expect(requireInstallable(facts, "it")).toMatchObject({
    vmlinuz: "/usr/lib/modules/6.1/vmlinuz",
  });
});

test.each<readonly [string, readonly TarItem[]]>([
  ["a unified kernel only", []],
  ["a kernel without its initramfs beside it", [text(`${modules}/6.1/vmlinuz`)]],
])("%s: it is started from the one that bootc takes first", async (_, items) => {
  const unified = [text(`${modules}/6.1/6.1.efi`), text("boot/EFI/Linux/a.efi")];
  const facts = await factsOf([bootc, ...unified, ...items]);
  expect(requireInstallable(facts, "it")).toEqual({ kind: "uki", path: "/boot/EFI/Linux/a.efi" });
});

test("a unified kernel without bootc cannot install itself either", async () => {
  const facts = await factsOf([text("boot/EFI/Linux/a.efi")]);
  expect(() => requireInstallable(facts, "it")).toThrow(/does not have bootc/);
});

describe("an image that cannot install itself is bad input", () => {
  test.each<readonly [string, readonly TarItem[], RegExp]>([
    [
      "an application",
      [text("etc/os-release", "PRETTY_NAME=Alpine\n")],
      /'it' is not a bootable image: it has neither a kernel nor bootc\.\n.*Alpine/,
    ],
    [
      "one whose system has an ID alone",
      [text("etc/os-release", "ID=fedora\nVERSION_ID=43\n")],
      /it is +fedora 43$/m,
    ],
    ["one without an os-release", [], /it is +without a name in an os-release$/m],
    ["no kernel", [bootc], /'it' does not have a kernel\./],
    [
      "a kernel's modules only",
      [bootc, text(`${modules}/6.1/modules.dep`)],
      /does not have a kernel\./,
    ],
    [
      "two kernels",
      [bootc, ...kernel("6.1"), ...kernel("6.2")],
      /has 2 kernels.*\n.*6\.1\/vmlinuz, .*6\.2\/vmlinuz/,
    ],
    [
      "no initramfs",
      [bootc, text(`${modules}/6.1/vmlinuz`)],
      /The kernel 6\.1 of the image 'it' does not have an initramfs/,
    ],
    ["no bootc", kernel("6.1"), /does not have bootc/],
  ])("%s", async (_, items, words) => {
    const facts = await factsOf(items);
    expect(() => requireInstallable(facts, "it")).toThrow(words);
    expect(() => requireInstallable(facts, "it")).toThrow(UsageError);
  });

  test("a directory of modules without a kernel is not a second kernel", async () => {
    const facts = await factsOf([bootc, ...kernel("6.1"), text(`${modules}/6.0/modules.dep`)]);
    expect(requireInstallable(facts, "it")).toMatchObject({
      vmlinuz: "/usr/lib/modules/6.1/vmlinuz",
    });
  });

  test.each<readonly [string, string, RegExp]>([
    ["TOML that is none", "[install\n", /10\.toml' of the image is malformed(.|\n)*\[install/],
    ["a list that is a word", '[install]\nkargs = "quiet"\n', /is malformed(.|\n)*kargs/],
  ])("%s is told with its file", async (_, content, words) => {
    const made = factsOf([text("usr/lib/bootc/install/10.toml", content)]);
    await expect(made).rejects.toThrow(words);
    await expect(made).rejects.toBeInstanceOf(UsageError);
  });
});
