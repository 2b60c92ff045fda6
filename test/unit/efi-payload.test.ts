/** The boot loader that an image carries, held against what lies on a partition. */
import { describe, expect, test } from "vitest";
import {
  differences,
  type EfiPartition,
  leftovers,
  parseHashes,
  parsePayload,
  temporaryFiles,
} from "../../harness/guest/tools/efi-payload.ts";

test("hashes are read with names that have spaces, and escaped ones", () => {
  const hash = "a".repeat(64);
  expect(parseHashes(`${hash}  ./BOOT/a b.efi\n\\${hash}  ./x\\ny\nnoise\n`)).toEqual({
    "BOOT/a b.efi": hash,
    "x\\ny": hash,
  });
});

describe("the payload of an image", () => {
  const hash = (digit: string): string => digit.repeat(64);

  test("is what belongs to no other boot loader than the installed one", () => {
    const text = [
      `${hash("a")}  ./grub2/2.12/EFI/fedora/grubx64.efi`,
      `${hash("b")}  ./grub-cc/2.12/EFI/fedora/grubx64.efi`,
      `${hash("c")}  ./shim/15.8/EFI/BOOT/BOOTX64.EFI`,
      `${hash("d")}  ./systemd-boot/258/EFI/systemd/systemd-bootx64.efi`,
    ].join("\n");
    expect(parsePayload(text, "grub2-1:2.12-41.fc44,shim-15.8-4").files).toEqual({
      "fedora/grubx64.efi": hash("a"),
      "BOOT/BOOTX64.EFI": hash("c"),
    });
  });

  test("lay without packages below bootupd's own folder before", () => {
    const old = parsePayload(`${hash("a")}  ./EFI/fedora/shimx64.efi`, "grub2-efi-x64-1:2.06");
    expect(old).toEqual({ files: { "fedora/shimx64.efi": hash("a") }, mixed: [] });
  });

  test("is a matter of chance where two versions of a package have another file each, in whichever order they are told", () => {
    const rows = [
      `${hash("a")}  ./shim/15.8-3/EFI/fedora/shimx64.efi`,
      `${hash("b")}  ./shim/16.1-5/EFI/fedora/shimx64.efi`,
      // The same in both.
      `${hash("c")}  ./shim/15.8-3/EFI/fedora/BOOTX64.CSV`,
      `${hash("c")}  ./shim/16.1-5/EFI/fedora/BOOTX64.CSV`,
    ];
    for (const text of [rows.join("\n"), rows.toReversed().join("\n")])
      expect(parsePayload(text, "grub2-1:2.12-58.fc44,shim-16.1-5").mixed).toEqual([
        "shim/15.8-3 and shim/16.1-5: fedora/shimx64.efi",
      ]);
  });

  const partition = (files: Record<string, string>): EfiPartition => ({
    device: "/dev/vda1",
    isOurs: true,
    files,
  });

  test("is on a partition whatever the case of its folders there", () => {
    const there = partition({ "Boot/BOOTX64.EFI": hash("a") });
    expect(differences({ "BOOT/BOOTX64.EFI": hash("a") }, there)).toEqual([]);
    expect(differences({ "BOOT/BOOTX64.EFI": hash("b") }, there)).toEqual(["BOOT/BOOTX64.EFI"]);
    expect(differences({ "BOOT/fbx64.efi": hash("a") }, there)).toEqual(["BOOT/fbx64.efi"]);
  });

  test("of before is gone as far as the new one does not have it", () => {
    const payload = { "fedora/grubx64.efi": hash("a") };
    const before = { ...payload, "fedora/old.efi": hash("b"), "FEDORA/GRUBX64.EFI": hash("a") };
    expect(leftovers(before, payload, partition({ ...payload, "other/x.efi": hash("c") }))).toEqual(
      [],
    );
    const kept = partition({ ...payload, "Fedora/old.efi": hash("c") });
    expect(leftovers(before, payload, kept)).toEqual(["fedora/old.efi"]);
  });

  test("is made in folders that do not stay", () => {
    const files = { ".btmp.fedora/grubx64.efi": "", "a/.btmp.b": "", "fedora/x.btmp.efi": "" };
    expect(temporaryFiles(partition(files))).toEqual([".btmp.fedora/grubx64.efi", "a/.btmp.b"]);
  });
});
