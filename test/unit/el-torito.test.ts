/** For which firmware a medium has a boot loader, by its own catalogue, and whom it is held against that nothing started. */
import { describe, expect, test } from "vitest";
import { BootFailed, CannotTell, UsageError } from "../../harness/base/errors.ts";
import { unlessOtherPlatform } from "../../harness/states/install/boot-platform.ts";
import { parseBootCatalogue } from "../../images/iso/el-torito.ts";

/** A catalogue as xorriso writes it: a validation entry, a default entry, and a section for each other platform. */
function catalogue(
  platform: number,
  sections: readonly (readonly [platform: number, isBootable: boolean])[] = [],
): Buffer {
  const bytes = Buffer.alloc(2048);
  bytes.set([1, platform], 0);
  bytes.writeUInt16LE(0xaa55, 30);
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += bytes.readUInt16LE(at);
  bytes.writeUInt16LE(-sum & 0xffff, 28);
  bytes[32] = 0x88;
  sections.forEach(([id, isBootable], index) => {
    const at = 64 + index * 64;
    bytes.set([index === sections.length - 1 ? 0x91 : 0x90, id, 1, 0], at);
    bytes[at + 32] = isBootable ? 0x88 : 0;
  });
  return bytes;
}

test.each([
  ["a BIOS alone", catalogue(0), ["bios"]],
  ["UEFI alone", catalogue(0xef), ["uefi"]],
  ["both, as lorax and Universal Blue have them", catalogue(0, [[0xef, true]]), ["bios", "uefi"]],
  ["a section that cannot be booted", catalogue(0, [[0xef, false]]), ["bios"]],
  [
    "a Macintosh's section between",
    catalogue(0, [
      [2, true],
      [0xef, true],
    ]),
    ["bios", "uefi"],
  ],
])("a catalogue of %s says so", (_, bytes, platforms) => {
  expect(parseBootCatalogue(bytes)).toEqual(platforms);
});

test("a catalogue that is damaged says nothing, and none is read without end", () => {
  const wrongSum = catalogue(0);
  wrongSum[1] = 0xef;
  expect(parseBootCatalogue(wrongSum)).toBeNull();
  expect(parseBootCatalogue(Buffer.alloc(2048))).toBeNull();
  expect(parseBootCatalogue(Buffer.alloc(10))).toBeNull();
  const endless = catalogue(0, [[0xef, true]]);
  endless.writeUInt16LE(0xffff, 66);
  expect(parseBootCatalogue(endless)).toEqual(["bios", "uefi"]);
});

describe("an ISO that its firmware did not start", () => {
  const failed = (pattern: string) =>
    new BootFailed("It did not boot: the firmware found no bootable device.", {
      ...{ stage: "firmware", pattern, lookAt: "console.log:3" },
    });
  const nothing = failed("firmware-no-bootable-device");
  const judge = (
    error: unknown,
    boots: readonly ("bios" | "uefi")[] | undefined,
    firmware: "bios" | "uefi" | "uefi-secure-boot" = "bios",
  ) => unlessOtherPlatform(error, { name: "os.iso", installer: { boots }, firmware });

  test("is to blame where its own catalogue has a boot loader for it", () => {
    expect(judge(nothing, ["bios", "uefi"])).toBe(nothing);
    expect(judge(nothing, ["uefi"], "uefi-secure-boot")).toBe(nothing);
  });

  test("is not where it does not have one: the caller chose the firmware", () => {
    const error = judge(nothing, ["uefi"]);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toMatch(/'os\.iso' does not have a boot loader for bios firmware/);
    expect((error as UsageError).details["to do"]).toMatch(/--firmware uefi/);
    expect(judge(failed("uefi-shell"), ["bios"], "uefi")).toBeInstanceOf(UsageError);
    expect(judge(nothing, [])).toBeInstanceOf(UsageError);
  });

  test("cannot be told where its catalogue cannot be read", () => {
    expect(judge(nothing, undefined)).toBeInstanceOf(CannotTell);
  });

  test("is judged as ever for all that is not its platform's", () => {
    const panic = failed("kernel-panic");
    expect(judge(panic, ["uefi"])).toBe(panic);
    const other = new CannotTell("x");
    expect(judge(other, ["uefi"])).toBe(other);
  });
});
