// Options that say nothing of the image that they are given with are refused, and never the name of a job.
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import type { DiskOptions } from "../../harness/cli/wiring/disk-options.ts";
import {
  fitCell,
  refuseIdleKeys,
  refuseIdleOptions,
} from "../../harness/cli/wiring/idle-options.ts";
import type { Image, InstallerImage } from "../../images/image.ts";
import { installerIso, isoImage } from "./support/installer-iso.ts";

const carrying: InstallerImage = { ...installerIso, carriesImage: true };
const iso: Image = isoImage(carrying);
const own: Image = isoImage({ ...carrying, arguments: ["inst.ks=hd:LABEL=OS:/ks.cfg"] });
const live: Image = isoImage({ ...installerIso, arguments: ["rd.live.image"] });
const { installer: _, ...plain } = iso;
const oci: Image = { ...plain, name: "oci:os:v1", oci: { layout: "/os", tag: "v1" } };
const disk: Image = {
  ...plain,
  name: "os.qcow2",
  disk: {
    ...{ path: "/os.qcow2", format: "qcow2", sectorBytes: 512, stamp: "1" },
    digest: asDigest(`sha256:${"3".repeat(64)}`),
  },
};

const idle: [string, Image, DiskOptions, RegExp][] = [
  [
    "an ISO",
    iso,
    { backend: "composefs", bootloader: "systemd" },
    /is an ISO, whose own installer makes the disk, so --backend and --bootloader say nothing/,
  ],
  ["an ISO", iso, { builder: "podman" }, /--builder says nothing/],
  [
    "an ISO with a named kickstart",
    iso,
    { kickstart: "mine.ks", filesystem: "xfs", karg: ["a"], kickstartLayout: "custom" },
    /kickstart that was named decides .* --filesystem, --karg and --kickstart-layout say nothing/,
  ],
  [
    "an ISO with a named kickstart",
    iso,
    { kickstart: "mine.ks", kickstartCommand: "bootc" },
    /--kickstart-command says nothing/,
  ],
  [
    "an ISO with a kickstart of its own",
    own,
    { filesystem: "xfs", kickstartBy: "http" },
    /kickstart of its own, .*--filesystem and --kickstart-by say nothing/,
  ],
  [
    "an ISO of Fedora 43",
    isoImage({ ...carrying, fedora: 43 }),
    { kickstartCommand: "bootc" },
    /known to Anaconda from 44\.3 on/,
  ],
  ["a live medium", live, { filesystem: "xfs" }, /is a live medium.*--filesystem says nothing/],
  ["a live medium", live, { kickstartLayout: "luks" }, /--kickstart-layout says nothing/],
  ["an OCI image", oci, { kickstart: "mine.ks" }, /is not an ISO, so --kickstart says nothing/],
  [
    "an OCI image",
    oci,
    { kickstartCommand: "bootc", kickstartLayout: "custom", kickstartBy: "http" },
    /--kickstart-command, --kickstart-layout and --kickstart-by say nothing/,
  ],
  ["an OCI image", oci, { payload: "registry" }, /--payload says nothing/],
  ["an OCI image", oci, { installerBoot: "loader" }, /--installer-boot says nothing/],
  ["an OCI image", oci, { installStill: 1000 }, /--install-still says nothing/],
  ["an OCI image", oci, { passphraseFile: "s" }, /is neither an ISO nor a disk/],
  ["a disk", disk, { kickstartLayout: "custom" }, /is not an ISO/],
  ["a disk", disk, { filesystem: "xfs", diskSize: 9000 }, /has a disk, so --filesystem and/],
];

test.each(idle)("what says nothing of %s is refused", (_kind, image, options, expected) => {
  const refused = () => refuseIdleOptions(options, image);
  expect(refused).toThrow(expected);
  expect(refused).toThrow(UsageError);
  expect(() => refuseIdleOptions({}, image)).not.toThrow();
});

test.each<[string, Image, DiskOptions]>([
  ["an ISO", iso, { filesystem: "xfs", karg: ["a"], kickstartLayout: "luks", kickstartBy: "http" }],
  ["an ISO", iso, { diskSize: 9000, buildMemory: 4096, installStill: 1, passphraseFile: "s" }],
  ["an ISO whose kickstart is replaced", own, { kickstartLayout: "custom", filesystem: "xfs" }],
  ["a named kickstart", iso, { kickstart: "mine.ks", kickstartBy: "http" }],
  ["a live medium", live, { installerBoot: "loader" }],
  ["an OCI image", oci, { builder: "podman", backend: "composefs", filesystem: "xfs" }],
  ["a disk", disk, { passphraseFile: "s" }],
  ["a disk whose previous image is derived", { ...disk, oci: oci.oci }, { filesystem: "xfs" }],
  ["an ISO whose previous image is derived", { ...iso, oci: oci.oci }, { builder: "podman" }],
])("what is of %s is taken", (_kind, image, options) => {
  expect(() => refuseIdleOptions(options, image)).not.toThrow();
});

test("what makes the disk of the previous image is taken beside a disk", () => {
  const options: DiskOptions = { filesystem: "xfs" };
  expect(() => refuseIdleOptions(options, disk, [oci])).not.toThrow();
  expect(() => refuseIdleOptions(options, disk, [disk, undefined])).toThrow(UsageError);
});

describe("a cell of a matrix", () => {
  test.each(idle.filter(([, image]) => image === iso || image === oci))(
    "whose way says nothing of %s is skipped with that reason",
    (_kind, image, options, expected) => {
      const { skip, how } = fitCell({}, { name: "mine", options }, image);
      expect(skip).toMatch(/^The way 'mine' does not fit: /);
      expect(skip).toMatch(expected);
      expect(how).toEqual(options);
    },
  );

  test("is skipped where the registry is to serve an image that nobody named", () => {
    const way = { name: "served", options: { payload: "registry" } } as const;
    expect(fitCell({}, way, iso).skip).toMatch(/^The way 'served' .*needs the image that/);
    expect(fitCell({}, way, { ...iso, oci: oci.oci }).skip).toBeNull();
  });

  test("goes without what the command line says of how other images are made", () => {
    const options: DiskOptions = { installStill: 1, passphraseFile: "s", filesystem: "xfs" };
    const way = { name: "ext4", options: { filesystem: "ext4" } } as const;
    expect(fitCell(options, way, oci)).toEqual({ how: { filesystem: "ext4" }, skip: null });
    expect(fitCell({ builder: "podman" }, null, iso)).toEqual({ how: {}, skip: null });
    expect(fitCell({ kickstart: "mine.ks" }, null, oci).skip).toMatch(/^'oci:os:v1' is not an ISO/);
  });

  test("of what is booted as it is is played, and named after nothing else", () => {
    const options: DiskOptions = { filesystem: "xfs", kickstart: "mine.ks" };
    expect(fitCell(options, null, disk)).toEqual({ how: {}, skip: null });
    expect(fitCell({ filesystem: "xfs" }, null, live)).toEqual({ how: {}, skip: null });
  });

  test("keeps what makes the disks of the previous images", () => {
    const how: DiskOptions = { builder: "podman", filesystem: "xfs" };
    const derives = { ...disk, oci: oci.oci };
    expect(fitCell(how, null, derives)).toEqual({ how, skip: null });
    expect(fitCell(how, null, disk, [oci])).toEqual({ how, skip: null });
    expect(fitCell(how, null, { ...iso, oci: oci.oci })).toEqual({ how, skip: null });
    const way = { name: "podman", options: { builder: "podman" } } as const;
    expect(fitCell({}, way, { ...iso, oci: oci.oci }).skip).toMatch(/--builder says nothing/);
  });

  test("of an image that cannot be had has no reason of its own", () => {
    expect(fitCell({ backend: "composefs" }, null, undefined).skip).toBeNull();
  });
});

test("keys are refused where no firmware looks at them", () => {
  expect(() => refuseIdleKeys("keys", ["uefi", "bios"])).toThrow(
    /is for firmware with Secure Boot/,
  );
  expect(() => refuseIdleKeys("keys", ["uefi", "uefi-secure-boot"])).not.toThrow();
  expect(() => refuseIdleKeys(undefined, ["uefi"])).not.toThrow();
});
