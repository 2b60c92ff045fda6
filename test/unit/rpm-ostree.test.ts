/** The reader of rpm-ostree in a guest, and the package that stories layer. */
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { basePackageSteps, basePackages } from "../../harness/engine/base-packages.ts";
import { layeredPackage, layeredPackageText } from "../../harness/engine/layered-package.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { rpmOstreeOf } from "../../harness/guest/tools/rpm-ostree.ts";
import { storyPackages } from "../../images/rpm/packages.ts";
import { deploymentOf, statusOf } from "../golden/rpm-ostree-status.ts";

const answering = (exitCode: number, stdout: string, stderr = ""): GuestIo => ({
  name: "candidate",
  timeScale: 1,
  lookAt: "console.log",
  exec: async (command) => ({ command, exitCode, stdout, stderr, truncated: false, durationMs: 0 }),
});

describe("rpm-ostree in a guest", () => {
  test("tells its deployments", async () => {
    const io = answering(0, JSON.stringify(statusOf(deploymentOf())));
    const status = await rpmOstreeOf(io).status();
    expect(status?.deployments[0]).toMatchObject({ booted: true, "requested-packages": [] });
  });

  test("is null where the image does not have it", async () => {
    expect(await rpmOstreeOf(answering(127, "")).status()).toBeNull();
  });

  test("fails the image for what is not its JSON, and for an error", async () => {
    const error = { name: "ExpectationFailed", blame: "image" };
    await expect(rpmOstreeOf(answering(0, "State: idle")).status()).rejects.toMatchObject(error);
    await expect(rpmOstreeOf(answering(0, '{"deployments":[]}')).status()).rejects.toMatchObject(
      error,
    );
    await expect(rpmOstreeOf(answering(1, "", "error: x")).status()).rejects.toMatchObject({
      name: "CommandFailed",
    });
  });

  test("is given its words as single arguments", async () => {
    let asked = "";
    const io: GuestIo = {
      ...answering(0, "done"),
      exec: async (command) => {
        asked = command;
        return answering(0, "done").exec(command);
      },
    };
    expect(await rpmOstreeOf(io).run("install", "/var/tmp/a b.rpm")).toBe("done");
    expect(asked).toBe("env LC_ALL=C 'no_proxy=*' rpm-ostree install '/var/tmp/a b.rpm'");
  });
});

describe("the layered package", () => {
  const rpm = gunzipSync(Buffer.from(layeredPackageText, "base64"));

  test("is an RPM of its name", () => {
    // The lead of a package file: magic, then 66 bytes of name, version and release from byte 10 on (rpm, docs/manual/format_lead.md).
    expect(rpm.subarray(0, 4).toString("hex")).toBe("edabeedb");
    expect(rpm.toString("latin1", 10, 76).replace(/\0+$/, "")).toBe("bootgate-layered-1.0-1");
  });

  test("has the files that an image is given in its place", () => {
    const content = gunzipSync(
      rpm.subarray(rpm.lastIndexOf(Buffer.from("1f8b08", "hex"))),
    ).toString();
    for (const [path, file] of Object.entries(layeredPackage.files)) {
      expect(content).toContain(`.${path}\0`);
      expect(content).toContain(typeof file === "string" ? file : file.text);
    }
  });
});

describe("packages of a repository", () => {
  const filesOf = (nevra: string): Record<string, string> | undefined => {
    const found = storyPackages.find(
      ({ name, version }) => nevra === `${name}-${version}-1.noarch`,
    );
    return (
      found &&
      Object.fromEntries(Object.entries(found.files).map(([path, { text }]) => [path, text]))
    );
  };

  test("have the layered package as it is in its file", () => {
    const expected = Object.entries(layeredPackage.files).map(([path, file]) => [
      path,
      typeof file === "string" ? file : file.text,
    ]);
    expect(filesOf(layeredPackage.nevra)).toEqual(Object.fromEntries(expected));
  });

  test("have what stories remove from a base and replace in it", () => {
    const { removed, replaced } = basePackages;
    expect(filesOf(removed.shipped)).toEqual({ [removed.file]: removed.text });
    const [before, after] = replaced.texts;
    expect(filesOf(replaced.shipped)?.[replaced.file]).toBe(before);
    expect(filesOf(replaced.nevra)?.[replaced.file]).toBe(after);
    const words = Object.values(basePackageSteps).flat(2);
    for (const { name } of [removed, replaced, layeredPackage])
      expect(words.some((word) => word.startsWith(name))).toBe(true);
  });
});
