// What an installer's medium says of itself: the words for its kernel, its boot entries, and a label.
import { describe, expect, test } from "vitest";
import { installerArguments } from "../../harness/states/install/installer-machine.ts";
import { parseBootEntries } from "../../images/iso/boot-entries.ts";
import { writeIso } from "../../images/iso/write-iso.ts";

describe("the kernel's command line", () => {
  test("keeps the ISO's own words but for what hides the console or names another kickstart", () => {
    const own = [
      "inst.stage2=hd:LABEL=F43",
      "quiet",
      "rhgb",
      "rd.live.check",
      "inst.ks=hd:LABEL=F43:/osbuild.ks",
    ];
    const end = "inst.text inst.cmdline console=ttyS0,115200 panic=-1";
    expect(
      installerArguments({ label: "F43", arguments: own, family: "anaconda" }, "oemdrv", "x86_64"),
    ).toBe(`inst.stage2=hd:LABEL=F43 inst.ks=hd:LABEL=OEMDRV:/ks.cfg ${end}`);
    expect(
      installerArguments({ label: "F43", arguments: own, family: "anaconda" }, null, "x86_64"),
    ).toBe(`inst.stage2=hd:LABEL=F43 inst.ks=hd:LABEL=F43:/osbuild.ks ${end}`);
  });

  test("says where the second stage is, and a label's spaces do not end the word", () => {
    expect(
      installerArguments({ label: "Fedora 43", arguments: [], family: "anaconda" }, null, "x86_64"),
    ).toMatch(/^inst\.stage2=hd:LABEL=Fedora\\x2043 inst\.text /);
  });
});

test("boot entries of GRUB and isolinux are read, devices in paths left out", () => {
  const text = `
    linuxefi ($root)/images/pxeboot/vmlinuz root=live:CDLABEL=X rd.live.image
    initrdefi ($root)/images/pxeboot/initrd.img
    initrd /orphan
    KERNEL vmlinuz
    APPEND initrd=initrd.img,more.img "quiet"`;
  expect(parseBootEntries(text)).toEqual([
    {
      title: null,
      kernel: "/images/pxeboot/vmlinuz",
      initrd: "/images/pxeboot/initrd.img",
      arguments: ["root=live:CDLABEL=X", "rd.live.image"],
    },
    { title: null, kernel: "/vmlinuz", initrd: "/initrd.img", arguments: ["quiet"] },
  ]);
  const titles = (menu: string) => parseBootEntries(menu).map(({ title }) => title);
  const body = "{\n linux /v\n initrd /i\n}\n";
  expect(
    titles(
      `menuentry 'Install "it"' --class x ${body}submenu "More" {\nmenuentry "Rescue" ${body}}`,
    ),
  ).toEqual(['Install "it"', "Rescue"]);
  expect(parseBootEntries("linux\ninitrd\nappend initrd=x")).toEqual([]);
});

test.each(["oemdrv", "", "A".repeat(33), "A B"])("%j cannot label a volume", (label) => {
  expect(() => writeIso(label, [])).toThrow(TypeError);
});
