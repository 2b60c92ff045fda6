/** Images whose root is not what they say, or whose objects are not as they should be: each is what one story has to catch. */
import type { SelftestCase } from "./selftest-case.ts";

type Wrong = Pick<SelftestCase, "name" | "images" | "scenario"> & {
  readonly step: RegExp;
  readonly message: RegExp;
};

const wrong: readonly Wrong[] = [
  {
    name: "composefs: the initramfs has another setting",
    images: { candidate: "reference:v2-no-composefs" },
    scenario: "composefs/setting",
    step: /^the initramfs has what the image has$/,
    message: /prepare-root\.conf in the initramfs/,
  },
  {
    name: "composefs: a file in /etc does not stay",
    images: { candidate: "reference:v2-tidies-etc" },
    scenario: "composefs/etc-var",
    step: /^\/etc has it unless the image lets it go$/,
    message: /The content of \/etc\/bootgate-added\.conf/,
  },
  {
    name: "composefs: an object is damaged",
    images: { candidate: "reference:v2-damages-object" },
    scenario: "composefs/fsck",
    step: /^ostree fsck finds nothing$/,
    message: /The list of damaged objects/,
  },
  {
    name: "composefs: fs-verity is not asked for",
    images: { candidate: "reference:v2-verity-unasked" },
    scenario: "composefs/tampered-object",
    step: /^fs-verity refuses the changed object/,
    message: /was read although the image requires fs-verity/,
  },
  {
    name: "composefs: fsck looks at nothing",
    images: { candidate: "reference:v2-blind-fsck" },
    scenario: "composefs/tampered-object",
    step: /^ostree fsck names the changed object$/,
    message: /finds nothing wrong with a changed object/,
  },
  {
    name: "composefs: fs-verity does not hold a block",
    images: { candidate: "reference:v2-verity-unasked" },
    scenario: "composefs/tampered-device",
    step: /^the changed block is refused/,
    message: /was read although the image requires fs-verity/,
  },
  {
    name: "composefs: fsck finds no changed block",
    images: { candidate: "reference:v2-blind-fsck" },
    scenario: "composefs/tampered-device",
    step: /^ostree fsck names the changed object$/,
    message: /finds nothing wrong with a changed object/,
  },
];

/** Each needs a boot, and most a reading of the whole repository. */
export const composefsCases: readonly SelftestCase[] = wrong.map(({ step, message, ...item }) => ({
  ...item,
  suite: "full",
  expect: { outcome: "failed", step, message },
}));
