/** bootupd's memory in the forms that its releases have written, and the packages that its versions name. */
import { describe, expect, test } from "vitest";
import {
  describePackages,
  inOldestForm,
  packagesOf,
  parseSavedState,
} from "../../harness/guest/tools/bootupd-state.ts";

const hash = `sha512:${"0".repeat(128)}`;
const file = { size: 949424, sha512: hash };

/** As bootupd 0.3.2 writes it on a system with /usr/lib/efi (`model.rs`, `filetree.rs`), seen on the reference OS. */
const today = JSON.stringify({
  installed: {
    BIOS: {
      meta: {
        timestamp: "2026-08-16T07:47:29Z",
        version: "grub2-2.14-4",
        versions: [{ name: "grub2", rpm_evr: "2.14-4" }],
      },
      filetree: null,
      "adopted-from": null,
    },
    EFI: {
      meta: {
        timestamp: "2026-08-20T08:48:03.555492819Z",
        version: "grub2-2.14-4,shim-1.51-16.1-2",
        versions: [
          { name: "grub2", rpm_evr: "2.14-4" },
          { name: "shim", rpm_evr: "1.51-16.1-2" },
        ],
      },
      filetree: {
        children: {
          "shim/1.51-16.1-2/EFI/BOOT/BOOTX64.EFI": file,
          "grub2/2.14-4/EFI/debian/grubx64.efi": file,
        },
      },
      "adopted-from": null,
    },
  },
  pending: null,
  "static-configs": { timestamp: "2026-01-01T00:00:00Z", version: "0.3.2", versions: null },
});

/** As releases before 2025 did: packages by their whole names, and a time of the tree. */
const named = JSON.stringify({
  installed: {
    EFI: {
      meta: {
        timestamp: "2020-09-15T13:01:21Z",
        version: "grub2-efi-x64-1:2.04-23.fc32.x86_64,shim-x64-15-8.x86_64",
      },
      filetree: { timestamp: "1970-01-01T00:00:00Z", children: { "fedora/shimx64.efi": file } },
    },
  },
  pending: null,
});

describe("bootupd's state", () => {
  test("of today names packages, and files below their packages", () => {
    expect(parseSavedState(today, "candidate")).toMatchObject({
      form: "packages",
      hasStaticConfig: true,
      installed: {
        BIOS: { files: null, packages: [{ name: "grub2", evr: "2.14-4" }] },
        EFI: { files: ["BOOT/BOOTX64.EFI", "debian/grubx64.efi"] },
      },
    });
  });

  test("of before names packages in one line", () => {
    expect(parseSavedState(named, "candidate")).toMatchObject({
      form: "named",
      hasStaticConfig: false,
      installed: {
        EFI: {
          files: ["fedora/shimx64.efi"],
          packages: [
            { name: "grub2", evr: "1:2.04-23.fc32" },
            { name: "shim", evr: "15-8" },
          ],
        },
      },
    });
  });

  test("of the first releases does not say in which zone its times are", () => {
    const oldest = inOldestForm(today, "candidate");
    expect(parseSavedState(oldest, "candidate")).toMatchObject({
      form: "zoneless",
      hasStaticConfig: false,
      installed: { EFI: { version: "grub2-2.14-4,shim-1.51-16.1-2" } },
    });
    // That form is refused where it has what it does not know.
    expect(Object.keys(JSON.parse(oldest))).toEqual(["installed", "pending"]);
    expect(JSON.parse(oldest).installed.EFI.meta).toEqual({
      timestamp: "2026-08-20T08:48:03.555492819",
      version: "grub2-2.14-4,shim-1.51-16.1-2",
    });
  });

  test("may call a package's version by either name", () => {
    const renamed = today.replaceAll('"rpm_evr"', '"evr"');
    expect(parseSavedState(renamed, "candidate")).toEqual(parseSavedState(today, "candidate"));
    expect(inOldestForm(renamed, "candidate")).toBe(inOldestForm(today, "candidate"));
  });

  test("that is not bootupd's is refused in words that name the file", () => {
    for (const text of ["", "{}", '{"installed":[]}', '{"installed":{"EFI":{"meta":{}}}}'])
      expect(() => parseSavedState(text, "candidate")).toThrow(/bootupd-state\.json/);
  });
});

describe("the packages of a boot loader", () => {
  test.each([
    ["grub2-1:2.12-41.fc44,shim-15.8-4", "grub2 1:2.12-41.fc44, shim 15.8-4"],
    ["grub2-tools-1:2.12-41.fc44.x86_64", "grub2 1:2.12-41.fc44"],
    [
      "grub2-efi-ia32-1:2.12-21.fc41.x86_64,grub2-efi-x64-1:2.12-21.fc41.x86_64,shim-x64-15.8-3.x86_64",
      "grub2 1:2.12-21.fc41, shim 15.8-3",
    ],
    ["grub2-efi-aa64-1:2.12-21.fc41.aarch64", "grub2 1:2.12-21.fc41"],
    ["grub2-tools 1:2.12-41.fc44,shim-x64 15.8-4", "grub2 1:2.12-41.fc44, shim 15.8-4"],
    ["unknown", "unknown"],
  ])("are read from %s", (version, words) => {
    expect(describePackages(packagesOf({ version }))).toBe(words);
  });

  test("are those that are told one by one, where they are", () => {
    const versions = [
      { name: "shim", evr: "2" },
      { name: "grub2", evr: "1" },
    ];
    expect(packagesOf({ version: "whatever", versions })).toEqual([
      { name: "grub2", evr: "1" },
      { name: "shim", evr: "2" },
    ]);
  });
});
