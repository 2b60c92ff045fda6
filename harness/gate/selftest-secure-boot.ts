/** Images whose boot chain is not signed as the firmware wants it, each at another link: the boot has to end there and be named. */
import type { SelftestCase } from "./selftest-case.ts";

const story = {
  scenario: "boot/secure-boot",
  suite: "full",
  firmware: "uefi-secure-boot",
} as const;

const wrong: readonly (readonly [name: string, version: string, message: RegExp])[] = [
  [
    "the firmware does not know who signed shim",
    "v2-foreign-shim",
    /the firmware or shim refused a signature/,
  ],
  ["nobody signed GRUB", "v2-unsigned-grub", /the firmware or shim refused a signature/],
  [
    "nobody signed the kernel",
    "v2-unsigned-kernel",
    /GRUB may not start the kernel: its signature was refused/,
  ],
];

/** Minutes each: every image installs itself first. */
export const secureBootCases: readonly SelftestCase[] = [
  {
    ...story,
    name: "secure boot: a signed image passes",
    images: { candidate: "reference-secure-boot:v2" },
    expect: { outcome: "passed" },
  },
  ...wrong.map(
    ([name, version, message]): SelftestCase => ({
      ...story,
      name: `secure boot: ${name}`,
      images: { candidate: `reference-secure-boot:${version}` },
      expect: { outcome: "failed", type: "BootFailed", step: /^boots the candidate$/, message },
    }),
  ),
];
