/** Statuses of rpm-ostree in the shape that its daemon gives them (rpmostreed-deployment-utils.cxx); the hosts are made up. */

import { frozen } from "./frozen.ts";

const checksum = (digit: string): string => digit.repeat(64);

/** A row of a package that is asked for by its name. */
const done = (name: unknown): unknown[] => [`${name}-1-1.x86_64`, name, 0, "1", "1", "x86_64"];
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/**
 * A deployment that the person changed nothing of, as `status --json` tells it. Of overrides that are asked for it tells that they were
 * done, where `more` does not tell what was.
 */
export function deploymentOf(
  more: Readonly<Record<string, unknown>> = {},
  digit = "a",
): Record<string, unknown> {
  return {
    id: `fedora-${checksum(digit)}.0`,
    osname: "fedora",
    checksum: checksum(digit),
    serial: 0,
    booted: true,
    staged: false,
    pinned: false,
    unlocked: "none",
    version: "43.20260820.0",
    timestamp: 1787000000,
    origin: "fedora:fedora/43/x86_64/silverblue",
    "gpg-enabled": true,
    "requested-packages": [],
    "requested-local-packages": [],
    "requested-local-fileoverride-packages": [],
    "requested-base-removals": [],
    "requested-base-local-replacements": [],
    "regenerate-initramfs": false,
    packages: [],
    "base-removals": asList(more["requested-base-removals"]).map(done),
    "base-local-replacements": asList(more["requested-base-local-replacements"]).map((word) => [
      [word],
      [word],
    ]),
    "base-remote-replacements": {},
    "base-commit-meta": { "ostree.bootable": true, version: "43.20260820.0" },
    ...more,
  };
}

/** The same from a container image. */
export const containerDeployment = (
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => {
  const { origin: _, ...rest } = deploymentOf();
  return {
    ...rest,
    "container-image-reference": "ostree-image-signed:docker://quay.io/example/desktop:43",
    "container-image-reference-digest": `sha256:${checksum("1")}`,
    ...more,
  };
};

export const statusOf = (...deployments: readonly Record<string, unknown>[]): unknown => ({
  deployments,
  transaction: null,
  "cached-update": null,
  "update-driver": null,
});

const row = (name: string, version: string): unknown[] => [
  `${name}-${version}-1.fc43.x86_64`,
  name,
  0,
  version,
  "1.fc43",
  "x86_64",
];

/** A host with each kind of change. */
export const everyChange: Readonly<Record<string, unknown>> = frozen({
  "requested-packages": ["htop", "vim-enhanced", "pkgconfig(zlib)"],
  packages: ["htop", "pkgconfig(zlib)"],
  "requested-local-packages": ["mytool-1.0-1.noarch"],
  "requested-local-fileoverride-packages": ["patched-2.0-1.x86_64"],
  "requested-base-removals": ["firefox", "firefox-langpacks"],
  "base-removals": [row("firefox", "142.0"), row("firefox-langpacks", "142.0")],
  "requested-base-local-replacements": ["podman-5.5.0-1.fc43.x86_64"],
  "base-local-replacements": [[row("podman", "5.5.0"), row("podman", "5.6.0")]],
  "base-remote-replacements": {
    "repo=copr:example": [[row("mesa-libGL", "26.1"), row("mesa-libGL", "26.0")]],
  },
  "regenerate-initramfs": true,
  "initramfs-args": ["--add-drivers", "nvme vfio"],
  "initramfs-etc": ["/etc/vconsole.conf"],
  "base-checksum": checksum("b"),
  "base-version": "43.20260820.0",
  "layered-commit-meta": { "rpmostree.clientlayer": true },
});
