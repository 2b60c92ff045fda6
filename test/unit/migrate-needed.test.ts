/** What a plan asks of the person: what to bring, and what to look at before an image is pushed. */
import { describe, expect, test } from "vitest";
import { planFor } from "./support/migrate-plan.ts";

const neededFor = (more: Readonly<Record<string, unknown>>): string =>
  planFor(more).needed.join("\n");

describe("what could be a secret", () => {
  test("is named where files of /etc come into the image, and where it is pushed", () => {
    const { needed, steps } = planFor({ "initramfs-etc": ["/etc/crypttab", "/etc/root.key"] });
    expect(needed.join("\n")).toMatch(
      /files of \/etc that the initramfs takes in.*everybody who can pull the image can read them/,
    );
    expect(steps.join("\n")).toMatch(/podman push .*# .*that this host alone can pull from/);
  });

  test("is named where repositories come into the image", () => {
    expect(neededFor({ "requested-packages": ["htop"] })).toMatch(
      /a password or a client key .*`podman build --secret`/,
    );
  });

  test("is nothing to speak of where no file of the host comes into the image", () => {
    const { needed, steps } = planFor({ "requested-base-removals": ["firefox"] });
    expect([...needed, ...steps].join("\n")).not.toMatch(/everybody who can pull|alone can pull/);
  });
});

test("a file of the host that dracut's arguments name is not in a build by itself", () => {
  const text = neededFor({
    "initramfs-args": ["-I", "/etc/crypttab /usr/bin/true", "--include=/root/key", "/root.key"],
  });
  expect(text).toMatch(/dracut's arguments name \(\/etc\/crypttab, \/root\/key, \/root\.key\)/);
  expect(neededFor({ "initramfs-args": ["--add-drivers", "nvme"] })).not.toContain("dracut's");
});

describe("a kernel of the person's own", () => {
  test.each<[string, Record<string, unknown>]>([
    [
      "replaced from a file",
      { "requested-base-local-replacements": ["kernel-core-6.99-1.x86_64"] },
    ],
    [
      "replaced from a repository",
      { "base-remote-replacements": { "repo=updates-testing": [["kernel-core-6.99-1.x86_64"]] } },
    ],
    ["layered", { "requested-packages": ["kernel-cachyos"] }],
    ["layered by its modules", { "requested-packages": ["kernel-rt-modules-extra"] }],
    ["from a file", { "requested-local-packages": ["kernel-longterm-core-6.12.9-1.x86_64"] }],
    [
      "from a file over the base's",
      { "requested-local-fileoverride-packages": ["kernel-6.99-1.x86_64"] },
    ],
  ])("%s is told of, and gets an initramfs", (_, more) => {
    const plan = planFor(more);
    expect(plan.needed.join("\n")).toMatch(/^One kernel: .* with kernel(?:-\S+)? another one/m);
    const lines = plan.containerfile.split("\n");
    const made = lines.findIndex((line) => line.startsWith("RUN kver=$(ls /usr/lib/modules)"));
    expect(lines[made + 1]).toContain(
      'DRACUT_NO_XATTR=1 "$dracut" --force --no-hostonly --reproducible --add ostree',
    );
    expect(made).toBeGreaterThan(lines.findLastIndex((line) => /kernel|rpms/.test(line)));
  });

  test.each(["kernel-tools", "kernel-devel", "kernel-rt-devel-matched", "kernelshark", "perf"])(
    "is not %s",
    (name) => {
      const plan = planFor({ "requested-packages": [name] });
      expect(plan.needed.join("\n")).not.toContain("One kernel");
      expect(plan.containerfile).not.toContain("dracut");
    },
  );
});

test.each(["akmod-nvidia", "nvidia-kmod-akmod", "zfs-dkms", "dkms", "kmod-wl"])(
  "%s is not told to be built for the kernel of the builder",
  (name) => {
    const text = neededFor({ "requested-packages": ["htop", name], packages: ["htop", name] });
    expect(text).toMatch(new RegExp(`^The modules of ${name} for the image's own kernel: `, "m"));
    expect(text).toContain('akmods --force --kernels "$(ls /usr/lib/modules)"');
    expect(text).toMatch(/modinfo -k/);
  },
);

test("kmod, the program, is not a module", () => {
  expect(neededFor({ "requested-packages": ["kmod", "kmod-libs"] })).not.toContain(
    "The modules of",
  );
});

test.each(["live-replaced", "live-inprogress"])(
  "a reboot comes first where the status has %s",
  (key) => {
    expect(neededFor({ [key]: "f".repeat(64) })).toMatch(
      /^A reboot first: packages were applied live/m,
    );
    expect(neededFor({ [key]: null })).not.toContain("A reboot first");
  },
);
