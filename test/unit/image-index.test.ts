import { expect, test } from "vitest";
import { asDigest } from "../../harness/base/units.ts";
import { chooseInstance, type Instance } from "../../images/origins/platform.ts";

const digest = asDigest(`sha256:${"a".repeat(64)}`);
const entry = (platform?: string): Instance => {
  const [os = "", architecture = ""] = platform?.split("/") ?? [];
  const one = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 1 };
  return platform === undefined ? one : { ...one, platform: { os, architecture } };
};
function refusal(platforms: readonly (string | undefined)[], isPinnable = true): string {
  try {
    chooseInstance({ instances: platforms.map(entry) }, "x86_64", "oci:x", isPinnable);
  } catch (error) {
    return String(error);
  }
  throw new Error("It was chosen.");
}

test.each<[string, (string | undefined)[], RegExp, RegExp]>([
  ["what a build says of images that are not there", ["unknown/unknown"], /no images/, /^build/],
  ["nothing", [], /no images/, /^build/],
  ["what bootgate does not boot", ["linux/s390x", "windows/amd64"], /linux\/s390x sha/, /^build/],
  [
    "entries that name no platform",
    [undefined],
    /names: sha256:a{64}/,
    /^name one .* by its digest/,
  ],
  ["another architecture", ["linux/arm64"], /arm64 sha/, /^--architecture aarch64, or name one/],
])(
  "an index of %s: what there is, and advice that can be followed",
  (_, platforms, there, todo) => {
    const said = refusal(platforms);
    const after = (label: string): string => said.split(new RegExp(`^  ${label} +`, "m"))[1] ?? "";
    expect(after("there are")).toMatch(there);
    expect(after("to do")).toMatch(todo);
    expect(refusal(platforms, false)).not.toMatch(/by its digest/);
  },
);
