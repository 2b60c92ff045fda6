/**
 * The versions of the reference OS: v1, v2, and what can be wrong with a v2. Each is a list of files on top of the
 * same lower layers, so that an upgrade pulls kilobytes and a fault costs nothing to build.
 */
import { careless } from "./careless.ts";
import { broken, file, likeV1, likeV2, type VersionRecipe } from "./recipe.ts";
import { rootShapes } from "./root-shapes.ts";
import { shapes } from "./shapes.ts";

const virtioMount = [
  "[Unit]",
  "Description=A partition of the reference OS",
  "Before=local-fs.target",
  "[Mount]",
  "What=/dev/vda2",
  "Where=/run/reference",
  "Options=ro",
  "",
].join("\n");

const failingUnit = [
  "[Unit]",
  "Description=A service that this image broke",
  "",
  "[Service]",
  "Type=oneshot",
  "ExecStart=/bin/sh -c 'echo reference-broken: refusing to work; exit 3'",
  "",
  "[Install]",
  "WantedBy=multi-user.target",
  "",
].join("\n");

const varInMemory = [
  "[Unit]",
  "Description=What this system writes to /var/lib is forgotten",
  "DefaultDependencies=no",
  "Before=local-fs.target",
  "[Mount]",
  "What=tmpfs",
  "Where=/var/lib",
  "Type=tmpfs",
  "",
].join("\n");

const brokenInit = [
  "#!/bin/sh",
  "echo 'reference-os: this initramfs cannot start the system' > /dev/kmsg",
  "exit 1",
  "",
].join("\n");

/** A v1 whose `bootc` does less than it says. */
const carelessV1 = (name: keyof typeof careless): VersionRecipe => ({
  ...{ description: careless[name].description, hasDisk: true, day: 0 },
  entries: [...likeV1(`v1-${name}`), careless[name].entry].flat(),
});

/** The same of a v2. */
const carelessV2 = (name: keyof typeof careless): VersionRecipe =>
  broken(`v2-${name}`, careless[name].description, [careless[name].entry].flat());

const carelessOnes = {
  "v1-check-stages": carelessV1("check-stages"),
  "v1-not-held-back": carelessV1("not-held-back"),
  "v1-reboots-always": carelessV1("reboots-always"),
  "v1-unpins": carelessV1("unpins"),
  "v1-finalizes-at-once": carelessV1("finalizes-at-once"),
  "v1-switch-nothing": carelessV1("switch-nothing"),
  "v1-says-yes": carelessV1("says-yes"),
  "v1-keeps-half": carelessV1("keeps-half"),
  "v2-rollback-once": carelessV2("rollback-once"),
  "v2-rollback-nothing": carelessV2("rollback-nothing"),
  "v2-stages-again": carelessV2("stages-again"),
  "v2-status-lies": carelessV2("status-lies"),
  "v2-keeps-layers": carelessV2("keeps-layers"),
  "v2-bad-install-config": carelessV2("bad-install-config"),
  "v2-tidies-etc": carelessV2("tidies-etc"),
  "v2-overlay-nothing": carelessV2("overlay-nothing"),
  "v2-damages-object": carelessV2("damages-object"),
  "v2-blind-fsck": carelessV2("blind-fsck"),
  "v2-unmeasured": carelessV2("unmeasured"),
  "v2-without-kargs": carelessV2("without-kargs"),
  "v1-reboots-fully": carelessV1("reboots-fully"),
  "v2-own-var-run": carelessV2("own-var-run"),
} as const satisfies Record<string, VersionRecipe>;

/** All versions by name. The name is also the tag in the OCI layout. */
export const versionRecipes = {
  v1: {
    description: "The first version",
    hasDisk: true,
    day: 0,
    entries: [...likeV1("v1")],
  },
  v2: {
    description: "A good update of v1: a new default in /etc, a new file in /etc",
    hasDisk: true,
    day: 31,
    entries: likeV2("v2"),
  },
  "v1-forgets-var": {
    description: "A v1 whose /var/lib is in memory: what was written there does not outlive a boot",
    hasDisk: true,
    day: 0,
    entries: [
      ...likeV1("v1-forgets-var"),
      file("usr/lib/systemd/system/var-lib.mount", varInMemory),
      {
        kind: "link",
        path: "usr/lib/systemd/system/local-fs.target.requires/var-lib.mount",
        target: "../var-lib.mount",
      },
    ],
  },
  "v2-panic": broken("v2-panic", "The initramfs cannot start the system: the kernel panics", [
    {
      kind: "initramfs",
      appended: [{ name: "init", mode: 0o100755, content: brokenInit }],
    },
  ]),
  "v2-failed-unit": broken(
    "v2-failed-unit",
    "A service wanted by multi-user.target fails at each boot",
    [
      file("usr/lib/systemd/system/reference-broken.service", failingUnit),
      {
        kind: "link",
        path: "usr/lib/systemd/system/multi-user.target.wants/reference-broken.service",
        target: "../reference-broken.service",
      },
    ],
  ),
  "v2-no-composefs": broken(
    "v2-no-composefs",
    "The initramfs has no composefs in its prepare-root.conf: boots on a plain ext4 root",
    [
      {
        kind: "initramfs",
        appended: [
          {
            name: "usr/lib/ostree/prepare-root.conf",
            mode: 0o100644,
            content: "[sysroot]\nreadonly = true\n",
          },
        ],
      },
    ],
  ),
  "v2-names-virtio": broken(
    "v2-names-virtio",
    "Mounts a partition by the name that virtio's disks have: boots from such a disk alone",
    [
      file("usr/lib/systemd/system/run-reference.mount", virtioMount),
      // The default is a minute and a half (systemd-system.conf(5), DefaultDeviceTimeoutSec).
      file(
        "usr/lib/systemd/system/dev-vda2.device.d/50-reference.conf",
        "[Unit]\nJobRunningTimeoutSec=15s\n",
      ),
      {
        kind: "link",
        path: "usr/lib/systemd/system/local-fs.target.requires/run-reference.mount",
        target: "../run-reference.mount",
      },
    ],
  ),
  "v2-no-network": broken(
    "v2-no-network",
    "The network configuration got lost: boots, and never answers on SSH",
    [{ kind: "whiteout", path: "usr/lib/systemd/network/20-wired.network" }],
  ),
  "v2-finalize-fails": {
    ...broken(
      "v2-finalize-fails",
      "Turns a file that machines have in /etc into a folder: the merge at shutdown fails",
      [file("etc/reference-site.conf/10-default.conf", "site=unnamed\n")],
    ),
    hasDisk: false,
  },
  ...shapes,
  ...rootShapes,
  ...carelessOnes,
} as const satisfies Record<string, VersionRecipe>;

export type VersionName = keyof typeof versionRecipes;
export const versionNames = Object.keys(versionRecipes) as VersionName[];
