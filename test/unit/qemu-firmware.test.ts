import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import {
  type FirmwareDescriptor,
  findFirmware,
  fittingFirmware,
  parseDescriptor,
  readDescriptors,
} from "../../harness/machine/qemu/firmware.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const facts = architectureFacts.x86_64;
if (facts === undefined) throw new Error("the table lost x86_64");

/** A descriptor as edk2 packages ship them, with what a case changes. */
function descriptor(name: string, change: object = {}): object {
  return {
    description: name,
    "interface-types": ["uefi"],
    mapping: {
      device: "flash",
      executable: { filename: `/fw/${name}.fd`, format: "raw" },
      "nvram-template": { filename: `/fw/${name}.vars`, format: "raw" },
    },
    targets: [{ architecture: "x86_64", machines: ["pc-i440fx-*", "pc-q35-*"] }],
    features: ["acpi-s3", "verbose-dynamic"],
    tags: [],
    ...change,
  };
}
const parsed = (...all: object[]): FirmwareDescriptor[] =>
  all.flatMap((entry) => parseDescriptor(JSON.stringify(entry)) ?? []);
const enrolled = { features: ["enrolled-keys", "requires-smm", "secure-boot"] };

const wish = { architecture: "x86_64", machine: "pc-q35-7.2" } as const;
test.each<[string, object[], "uefi" | "uefi-secure-boot", string[]]>([
  ["plain, first by order", [descriptor("a"), descriptor("b")], "uefi", ["a", "b"]],
  ["plain skips Secure Boot", [descriptor("s", enrolled), descriptor("p")], "uefi", ["p"]],
  [
    "secure wants enrolled keys",
    [descriptor("e", { features: ["secure-boot", "requires-smm"] }), descriptor("s", enrolled)],
    "uefi-secure-boot",
    ["s"],
  ],
  [
    "another architecture",
    [descriptor("arm", { targets: [{ architecture: "aarch64", machines: ["virt-*"] }] })],
    "uefi",
    [],
  ],
  [
    "another machine",
    [descriptor("old", { targets: [{ architecture: "x86_64", machines: ["pc-i440fx-*"] }] })],
    "uefi",
    [],
  ],
  ["a BIOS", [descriptor("sea", { "interface-types": ["bios"] })], "uefi", []],
  [
    "loaded to memory",
    [descriptor("mem", { mapping: { device: "memory", filename: "/fw/x" } })],
    "uefi",
    [],
  ],
  ["confidential", [descriptor("tdx", { features: ["intel-tdx"] })], "uefi", []],
  [
    "stateless",
    [
      descriptor("st", {
        mapping: {
          device: "flash",
          mode: "stateless",
          executable: { filename: "/x", format: "raw" },
        },
      }),
    ],
    "uefi",
    [],
  ],
])("%s", (_, descriptors, firmware, names) => {
  const found = fittingFirmware(parsed(...descriptors), { ...wish, firmware });
  expect(found.map(({ description }) => description)).toEqual(names);
});

test("keys of one's own want a variable store without any", () => {
  const empty = { features: ["secure-boot", "requires-smm"] };
  const all = parsed(descriptor("e", enrolled), descriptor("o", empty), descriptor("p"));
  const own = fittingFirmware(all, { ...wish, firmware: "uefi-secure-boot", ownKeys: true });
  expect(own.map(({ description }) => description)).toEqual(["o"]);
});

test.each(["", "not json", "{}", "[]", '{"mapping":{"device":"future"}}'])(
  "what is not a descriptor is left out: %s",
  (text) => expect(parseDescriptor(text)).toBeNull(),
);

test("folders mask by name and an empty file offers nothing", async () => {
  await using workspace = await temporaryFolder();
  const [user, system] = [join(workspace.path, "user"), join(workspace.path, "system")];
  await mkdir(user);
  await mkdir(system);
  const put = (folder: string, name: string, what: object | null) =>
    writeFile(join(folder, name), what === null ? "" : JSON.stringify(what));
  await put(system, "40-a.json", descriptor("system 40"));
  await put(system, "50-b.json", descriptor("system 50"));
  await put(system, "60-c.json", descriptor("system 60"));
  await put(user, "60-c.json", descriptor("user 60"));
  await put(user, "40-a.json", null);
  await put(user, "README", descriptor("not json by name"));
  const all = await readDescriptors([user, join(workspace.path, "missing"), system]);
  expect(all.map(({ description }) => description)).toEqual(["system 50", "user 60"]);
});

test("a firmware whose files are gone is named in the error", async () => {
  await using workspace = await temporaryFolder();
  await writeFile(join(workspace.path, "60.json"), JSON.stringify(descriptor("gone")));
  const found = findFirmware("uefi", "x86_64", facts, [workspace.path]);
  await expect(found).rejects.toThrow(HostUnfit);
  await expect(found).rejects.toThrow(/\/fw\/gone\.fd/);
  await expect(findFirmware("uefi", "x86_64", facts, [])).rejects.toThrow(/has no firmware 'uefi'/);
  expect(await findFirmware("bios", "x86_64", facts, [])).toBeNull();
});
