/** `bootc install` of the stand-in: what it does to a disk, what it says, and that it refuses what real bootc refuses. */
import { describe, expect, test } from "vitest";
import { type Case, useInstallWorld } from "./support/standin-install.ts";
import { comparable, readInstallTranscript } from "./support/transcripts.ts";

const { play, playOne } = useInstallWorld();

const source = ["--source-imgref", "oci:/oci:v1"];
const target = ["--target-imgref", "10.0.2.100:5000/os:stable"];
const ext4 = { "10-x.toml": '[install.filesystem.root]\ntype = "ext4"\n' };
const toDisk = (...more: string[]): Case => ({
  run: ["install", "to-disk", ...source, ...target, ...more, "{root}/dev/vdb"],
  config: ext4,
});
const toFolder = (...more: string[]): Case => ({
  run: ["install", "to-filesystem", ...source, ...target, ...more, "{root}/target"],
  config: ext4,
});

describe("install to-filesystem", () => {
  test("says what real bootc said", async () => {
    const kargs = ["--karg", "console=tty0", "--karg", "console=ttyS0,115200n8"];
    const { exitCode, said } = await playOne(toFolder(...kargs, "--bootloader", "none"));
    const real = comparable(readInstallTranscript("to-filesystem"));
    expect(comparable({ exitCode, stdout: `${said}`, stderr: "" })).toEqual(real);
  });

  test("passes the kernel arguments in bootc's order and writes the origin", async () => {
    const config = { "10-x.toml": '[install]\nkargs = ["configured=1"]\n' };
    const ended = await playOne({ ...toFolder("--bootloader=none", "--karg=own=1"), config });
    expect(ended.kargs).toEqual([
      ...["root=UUID=1111-root", "rw", "configured=1", "shipped=1", "own=1"],
    ]);
    expect(ended.files["/target/ostree/deploy/default/deploy/COMMIT.0.origin"]).toBe(
      "[origin]\ncontainer-image-reference=ostree-unverified-registry:10.0.2.100:5000/os:stable\n",
    );
    expect(JSON.parse(ended.files["/target/.bootc-aleph.json"] ?? "")).toMatchObject({
      image: "ostree-unverified-image:oci:/oci:v1",
      version: "2026.1",
    });
  });

  test.each([
    [["--root-mount-spec=LABEL=root"], ["root=LABEL=root", "rw", "shipped=1"], undefined],
    [["--root-mount-spec="], ["rw", "shipped=1"], undefined],
    [
      ["--boot-mount-spec=UUID=2222"],
      ["root=UUID=1111-root", "rw", "boot=UUID=2222", "shipped=1"],
      "UUID=2222 /boot auto ro 0 0\n",
    ],
  ])("%j", async (options, kargs, fstab) => {
    const ended = await playOne(toFolder("--bootloader=none", ...options));
    expect(ended.kargs).toEqual(kargs);
    expect(ended.files["/target/ostree/deploy/default/deploy/COMMIT.0/etc/fstab"]).toBe(fstab);
  });

  test.each([
    [
      "a subvolume",
      "rw,relatime,space_cache=v2,subvolid=256,subvol=/root",
      "rootflags=subvol=/root",
    ],
    ["the top level", "rw,subvolid=5,subvol=/", "rootflags=subvol=/"],
  ])("on btrfs, %s is named by a kernel argument", async (_what, options, flags) => {
    const root = { fstype: "btrfs", options };
    const ended = await playOne({ ...toFolder("--bootloader=none"), root });
    expect(ended.kargs).toEqual(["root=UUID=1111-root", flags, "rw", "shipped=1"]);
    const named = await playOne({
      ...toFolder("--bootloader=none", "--root-mount-spec=LABEL=x"),
      root,
    });
    expect(named.kargs).toEqual(["root=LABEL=x", "rw", "shipped=1"]);
  });

  test.each([
    ["[composefs]\nenabled = verity\n", true],
    ["[composefs]\nenabled = signed\n", true],
    ["[composefs]\nenabled = yes\n", false],
    [undefined, false],
  ])("objects get fs-verity where the image requires it: %j", async (text, wanted) => {
    const files = text === undefined ? {} : { "prepare-root.conf": text };
    const { commands } = await playOne({ ...toFolder("--bootloader=none"), files });
    const set = commands.filter((command) => command.endsWith("set ex-integrity.fsverity yes"));
    expect(set.length).toBe(wanted ? 1 : 0);
  });

  test("the boot loader goes to the disk below an encrypted root", async () => {
    const root = { source: "/dev/mapper/luks-1" };
    const ended = await playOne({ ...toFolder("--generic-image"), root });
    expect([ended.exitCode, ended.said]).toEqual([0, expect.stringContaining("complete!")]);
    expect(ended.boot.slice(0x5c * 2)).toBe("00080000000000006262" + "9090");
    const two = await playOne({ ...toFolder("--generic-image"), root, members: [3, 4] });
    expect([two.exitCode, two.said]).toEqual([
      ...[1, expect.stringContaining("/dev/vdb3 and /dev/vdb4; not currently supported")],
    ]);
  });

  test.each<[string, Case, string]>([
    [
      "a file in the way",
      { ...toFolder(), files: { "target/old": "x" } },
      'Verifying empty rootfs: Non-empty root filesystem; found "old"',
    ],
    [
      "a folder in the way",
      { ...toFolder(), files: { "target/home/me": "x" } },
      "Verifying empty rootfs: Requiring directory contains only mount points: Found entry in home: me",
    ],
    ["not mounted", { ...toFolder(), unmounted: true }, "Not a mountpoint: /target"],
  ])("refuses %s", async (_name, one, words) => {
    const ended = await playOne(one);
    expect([ended.exitCode, ended.said.split("\n").at(-2)]).toEqual([
      ...[1, `error: Installing to filesystem: ${words}`],
    ]);
  });

  test("--replace=wipe empties the target first", async () => {
    const files = { "target/home/me": "x" };
    const ended = await playOne({ ...toFolder("--replace=wipe", "--bootloader=none"), files });
    expect([ended.exitCode, ended.files["/target/home/me"]]).toEqual([0, undefined]);
  });
});

describe("install to-disk", () => {
  test("makes bootc's partitions and file systems, then installs the boot loader for both firmwares", async () => {
    const ended = await playOne(toDisk("--generic-image", "--wipe"));
    expect(ended.said).toMatch(/Installation complete!\n$/);
    const table = ended.commands.find((command) => command.startsWith("sfdisk --wipe"));
    expect(table?.replace(/label-id: [0-9a-f-]{36}/, "label-id: ID")).toBe(
      [
        "sfdisk --wipe=always /dev/vdb <<< label: gpt",
        "label-id: ID",
        'size=1MiB, bootable, type=21686148-6449-6e6f-744e-656564454649, name="BIOS-BOOT"',
        'size=512MiB, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, name="EFI-SYSTEM"',
        'type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, name="root"\n',
      ].join("\n"),
    );
    const made = ended.commands.find((command) => command.startsWith("mkfs.ext4")) ?? "";
    const uuid = /-U (\S+) -O verity -L root \/dev\/vdb3$/.exec(made)?.[1];
    expect(ended.kargs.slice(0, 2)).toEqual([`root=UUID=${uuid}`, "rw"]);
    const onEsp = Object.keys(ended.files).filter((path) => path.startsWith("/esp"));
    expect(onEsp.sort()).toEqual([
      ...["/esp/EFI/BOOT/BOOTX64.EFI", "/esp/EFI/debian/bootuuid.cfg", "/esp/EFI/debian/grub.cfg"],
    ]);
    const bootUuid = `set BOOT_UUID="${uuid}"\n`;
    expect(ended.files["/esp/EFI/debian/bootuuid.cfg"]).toBe(bootUuid);
    expect(ended.files["/mounts/rootfs/boot/grub2/bootuuid.cfg"]).toBe(bootUuid);
    expect(ended.files["/mounts/rootfs/boot/grub2/grub.cfg"]).toBe("blscfg\n# more\n");
    // The boot sector names the first sector of the core image, that one the next.
    expect(ended.boot.slice(0x5c * 2)).toBe("00080000000000006262" + "9090");
    expect(ended.core.slice(-24, -8)).toBe("0108000000000000");
  });

  test.each([
    ["xfs", /^mkfs\.xfs -f -m uuid=(\S+) -L root \/dev\/vdb3$/],
    ["btrfs", /^mkfs\.btrfs -U (\S+) -L root \/dev\/vdb3$/],
  ])("makes a root of %s where its program is there", async (kind, expected) => {
    const programs = ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs"];
    const ended = await playOne({ ...toDisk("--wipe", `--filesystem=${kind}`), programs });
    const made = ended.commands.find((command) => command.startsWith(`mkfs.${kind}`)) ?? "";
    expect(made).toMatch(expected);
    expect(ended.kargs.slice(0, 2)).toEqual([`root=UUID=${expected.exec(made)?.[1]}`, "rw"]);
  });

  test.each([
    [["--generic-image"], false, ["BIOS", "EFI"]],
    [[], false, ["BIOS"]],
    [[], true, ["EFI"]],
  ])("%j on a machine with UEFI %j: components %j", async (options, efi, components) => {
    const { files } = await playOne({ ...toDisk(...options), efi });
    const state = JSON.parse(files["/mounts/rootfs/boot/bootupd-state.json"] ?? "{}") as {
      installed: Record<string, { filetree: { children: object } | null }>;
    };
    expect(Object.keys(state.installed)).toEqual(components);
    expect(Object.keys(state.installed["EFI"]?.filetree?.children ?? {})).toEqual(
      components.includes("EFI") ? ["BOOT/BOOTX64.EFI"] : [],
    );
  });

  const rootfs = "Installing to disk: Creating rootfs: ";
  const deployment = "Installing to disk: Creating ostree deployment: ";
  test.each<[string, Case, string]>([
    [
      "no source",
      { run: ["install", "to-disk", "{root}/dev/vdb"] },
      "Installing to disk: Either --source-imgref must be defined or this command must be executed inside a podman container.",
    ],
    [
      "a source without a transport",
      { run: ["install", "to-disk", "--source-imgref=quay.io/os", "{root}/dev/vdb"] },
      "Installing to disk: Creating source info from a given imageref: Missing ':' in quay.io/os",
    ],
    [
      "an unknown transport",
      { run: ["install", "to-disk", "--source-imgref=tar:x", "{root}/dev/vdb"] },
      "Installing to disk: Creating source info from a given imageref: Unknown transport 'tar'",
    ],
    [
      "a disk that is not there",
      { run: ["install", "to-disk", ...source, "{root}/dev/vdz"] },
      "Installing to disk: Querying /dev/vdz: No such file or directory (os error 2)",
    ],
    [
      "what is not a disk",
      { run: ["install", "to-disk", ...source, "/dev/null"] },
      "Installing to disk: Not a block device: /dev/null",
    ],
    ["no file system", { ...toDisk(), config: {} }, `${rootfs}No root filesystem specified`],
    [
      "a mounted disk, even with --wipe",
      { ...toDisk("--wipe"), mounted: true },
      `${rootfs}Device /dev/vdb is mounted`,
    ],
    [
      "partitions without --wipe",
      { ...toDisk(), partitions: [1] },
      `${rootfs}Detected existing partitions on /dev/vdb; use e.g. \`wipefs\` or --wipe if you intend to overwrite`,
    ],
    [
      "a disk that sfdisk finds too small",
      { ...toDisk(), fail: { sfdisk: 1 } },
      `${rootfs}Failed to run sfdisk: Task Initializing partitions failed: ExitStatus(unix_wait_status(256))`,
    ],
    [
      "a block setup that the image does not enable",
      {
        ...toDisk("--block-setup=direct"),
        config: { "1.toml": '[install]\nroot-fs-type = "ext4"\nblock = ["tpm2-luks"]\n' },
      },
      `${rootfs}Block setup Direct is not enabled in installation config`,
    ],
    [
      "an image that ostree cannot deploy",
      { ...toDisk(), deploy: "no kernel here" },
      `${deployment}Performing deployment: no kernel here`,
    ],
    [
      "an image without boot loader",
      { ...toDisk(), payload: false },
      "Installing to disk: bootupd is required for ostree-based installs",
    ],
    [
      "systemd-boot with this backend",
      toDisk("--bootloader=systemd"),
      "Installing to disk: bootupd is required for ostree-based installs",
    ],
    [
      "a configuration with a wrong file system",
      { ...toDisk(), config: { "10-x.toml": '[install]\nroot-fs-type = "fat"\n' } },
      'Installing to disk: Loading configuration: Parsing "/config/bootc/install/10-x.toml": unknown variant `fat`, expected one of `xfs`, `ext4`, `btrfs`',
    ],
  ])("refuses %s", async (_name, one, words) => {
    const ended = await playOne(one);
    expect([ended.exitCode, ended.said.split("\n").at(-2)]).toEqual([1, `error: ${words}`]);
  });

  test("a refused disk was not touched", async () => {
    const refused = [
      { ...toDisk(), partitions: [1] },
      { ...toDisk("--wipe"), mounted: true },
      { ...toDisk("--wipe", "--filesystem=xfs") },
      { ...toDisk("--wipe", "--composefs-backend", "--bootloader=none") },
    ];
    for (const { exitCode, commands } of await play(refused)) {
      expect(exitCode).toBe(1);
      expect(commands.filter((command) => !/^(lsblk|findmnt) /.test(command))).toEqual([]);
    }
  });

  test.each([
    ["--composefs-backend --bootloader=grub"],
    ["--block-setup=tpm2-luks"],
    ["--via-loopback"],
    ["--bootloader=grub-cc"],
  ])("%s is refused in words that nobody takes for bootc's", async (option) => {
    const ended = await playOne(toDisk(...option.split(" ")));
    expect([ended.exitCode, ended.said]).toEqual([
      ...[
        1,
        `error: 'bootc install to-disk ${option}' is not in bootgate's stand-in for bootc; the real bootc has it\n`,
      ],
    ]);
  });

  test("a file system without its program is refused in such words, too", async () => {
    const ended = await playOne(toDisk("--filesystem=xfs"));
    expect(ended.said).toContain("bootgate's reference OS does not have mkfs.xfs");
  });
});
