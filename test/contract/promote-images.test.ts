/** Promotions where there is more than one image: a tag for several architectures, and a decision on several candidates. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { decided, decidedOnTwo, exitCode, lab, printed, useLab } from "./promote-bench.ts";
import { layoutDigest, sha, writesOf } from "./promote-lab.ts";

useLab();

test("a tag that stands for several architectures is not left with one, unless that is meant", async () => {
  const directory = await decided();
  const [v1, v2] = [await layoutDigest(lab, "v1"), await layoutDigest(lab, "v2")];
  await lab.push("v1", "os:old");
  const type = "application/vnd.oci.image.index.v1+json";
  const putIndex = async (architectures: readonly string[]): Promise<string> => {
    const size = JSON.stringify(await lab.json("os", v1)).length;
    const entry = { mediaType: type.replace("index", "manifest"), digest: v1, size };
    const bytes = JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      manifests: architectures.map((architecture) => ({
        ...entry,
        platform: { architecture, os: architecture === "unknown" ? "unknown" : "linux" },
      })),
    });
    const url = `http://${lab.host}/v2/os/manifests/stable`;
    await fetch(url, { method: "PUT", headers: { "content-type": type }, body: bytes });
    lab.requests.length = 0;
    return sha(bytes);
  };
  const index = await putIndex(["amd64", "arm64"]);
  expect(await exitCode(directory)).toBe(2);
  expect(printed).toMatch(/several architectures, of which this promotion would leave one/);
  expect(printed).toContain(`--expect ${index}`);
  expect(writesOf(lab)).toEqual([]);
  expect(await lab.digestOf("os", "stable")).toBe(index);
  expect(await exitCode(directory, { expect: index })).toBe(0);
  expect(await lab.digestOf("os", "stable")).toBe(v2);
  // One image and what its build says of it.
  await putIndex(["amd64", "unknown"]);
  expect(await exitCode(directory)).toBe(0);
  expect(await lab.digestOf("os", "stable")).toBe(v2);
});

test("of several judged images each has a promotion of its own", async () => {
  const directory = await decidedOnTwo();
  const [v1, v2] = [await layoutDigest(lab, "v1"), await layoutDigest(lab, "v2")];
  const layout = join(lab.folder, "layout");
  expect(
    await exitCode(directory, { from: `oci:${layout}:v1`, to: `${lab.host}/one:stable` }),
  ).toBe(0);
  expect(
    await exitCode(directory, { from: `oci:${layout}:v2`, to: `${lab.host}/two:stable` }),
  ).toBe(0);
  expect(await lab.digestOf("one", "stable")).toBe(v1);
  expect(await lab.digestOf("two", "stable")).toBe(v2);
  const from = `docker://${lab.host}/one@${sha("other")}`;
  expect(await exitCode(directory, { from })).toBe(2);
  expect(printed).toMatch(/is not one of the images that were judged/);
  const index = `docker://${lab.host}/two@${sha("index")}`;
  expect(await exitCode(directory, { from: index })).toBe(2);
  expect(printed).toMatch(/is an index of which only the image for x86_64 was judged/);
  expect(printed).toContain(`--from docker://NAME@${v2}`);
  expect(printed).toContain(`reference:v1 ${v1}`);
  expect(printed).toContain(`reference:v2 ${v2}`);
});
