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
