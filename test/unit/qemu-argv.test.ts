import { describe, expect, test } from "vitest";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import { formatArgv } from "../../harness/machine/qemu/format-argv.ts";
import { type QemuLayout, qemuArgv } from "../../harness/machine/qemu/qemu-argv.ts";

const facts = architectureFacts.x86_64;

const bios: QemuLayout = {
  name: "v1",
  facts,
  accelerator: "tcg",
  emulation: { version: "7.2.22", hostArchitecture: "x64" },
  memoryMiB: 1536,
  cpus: 2,
  firmware: { kind: "built-in" },
  disks: [{ kind: "disk", path: "/w/disk0.qcow2", format: "qcow2" }],
  network: {
    open: false,
    sshPort: 40022,
    forwards: [{ guestAddress: "10.0.2.100", guestPort: 5000, hostPort: 35000 }],
    forwardCommand: ["nc", "-N"],
  },
  credentialFiles: ["/w/credentials/0"],
  monitorSocket: "/w/qmp",
  consoleFile: "/run/console.log",
  channelSocket: "/w/channel",
  forkedMemory: null,
  givenMemory: true,
};
const uefi: QemuLayout = {
  ...bios,
  firmware: {
    kind: "flash",
    code: { path: "/fw/CODE.fd", format: "raw" },
    vars: { path: "/w/vars.fd", format: "raw" },
    needsSmm: false,
  },
};
const secure: QemuLayout = {
  ...uefi,
  accelerator: "kvm",
  firmware: {
    kind: "flash",
    code: { path: "/fw/CODE.qcow2", format: "qcow2" },
    vars: { path: "/w/vars.fd", format: "qcow2" },
    needsSmm: true,
  },
  disks: [...bios.disks, { kind: "cdrom", path: "/iso/a,b.iso", format: "raw" }],
  network: { ...bios.network, open: true, forwards: [] },
};
const arm: QemuLayout = { ...uefi, facts: architectureFacts.aarch64 };
const forked = { forkedMemory: "/cache/t/ram.img" };

test.each<[string, QemuLayout]>([
  ["bios-cold", bios],
  ["bios-fork", { ...bios, ...forked }],
  ["uefi-cold", uefi],
  ["uefi-fork", { ...uefi, ...forked }],
  ["secure-kvm-open-iso", secure],
  [
    "installer",
    {
      ...bios,
      channelSocket: null,
      rebootEnds: true,
      logPort: { name: "org.example.log.0", path: "/run/a,b.log" },
      directBoot: { kernel: "/w/vmlinuz", initrd: "/w/initrd", arguments: "inst.text" },
      disks: [...bios.disks, { kind: "cdrom", path: "/iso/a.iso", format: "raw" }],
    },
  ],
  [
    "uefi-4k-sectors",
    { ...uefi, disks: bios.disks.map((disk) => ({ ...disk, sectorBytes: 4096 })) },
  ],
  ["uefi-scsi", { ...uefi, diskBus: "scsi" }],
  [
    "uefi-recorded",
    { ...uefi, disks: bios.disks.map((disk) => ({ ...disk, record: "/w/a,b.writes" })) },
  ],
  ["uefi-nvme", { ...uefi, diskBus: "nvme", disks: [...bios.disks, ...bios.disks] }],
  ["uefi-tpm", { ...uefi, tpmSocket: "/w/s,1/tpm" }],
  ["aarch64-tpm-fork", { ...arm, ...forked, tpmSocket: "/w/tpm" }],
  ["uefi-cold-threads", { ...uefi, emulation: { version: "8.1.0", hostArchitecture: "x64" } }],
  ["aarch64-cold", arm],
  ["aarch64-fork", { ...arm, ...forked }],
  [
    "aarch64-kvm-iso",
    {
      ...arm,
      accelerator: "kvm",
      disks: [...bios.disks, { kind: "cdrom", path: "/iso/a.iso", format: "raw" }],
      directBoot: { kernel: "/w/vmlinuz", initrd: "/w/initrd", arguments: "console=ttyAMA0" },
    },
  ],
])("%s", async (name, layout) => {
  await expect(formatArgv(layout.facts.binary, qemuArgv(layout))).toMatchFileSnapshot(
    `../golden/qemu-argv-${name}.txt`,
  );
});

describe("what a fork relies on", () => {
  const devices = (argv: string[]) => argv.filter((_, index) => argv[index - 1] === "-device");
  test("a fork has the template's devices in the template's order", () => {
    expect(devices(qemuArgv({ ...uefi, ...forked }))).toEqual(devices(qemuArgv(uefi)));
  });
  test("only a fork maps a file that has a name, and never shared", () => {
    expect(qemuArgv({ ...uefi, ...forked }).join(" ")).toContain(
      "mem-path=/cache/t/ram.img,share=off",
    );
    const own = qemuArgv(uefi).join(" ");
    expect(own).toMatch(/-object memory-backend-file,mem-path=\/proc\/self\/fd\/3,.*,share=on /);
    expect(own).not.toContain("share=off");
    expect(qemuArgv({ ...uefi, givenMemory: false }).join(" ")).not.toContain("mem-path");
  });
});

test("a comma in a path does not end the option's value", () => {
  expect(qemuArgv(secure).join(" ")).toContain("file.filename=/iso/a,,b.iso");
});

describe("host threads of an emulated guest", () => {
  const accelOf = (version: string, hostArchitecture = "x64") => {
    const argv = qemuArgv({ ...uefi, emulation: { version, hostArchitecture } });
    return argv[argv.indexOf("-accel") + 1];
  };
  test.each([
    ["7.2.22", "single"],
    ["8.0.5", "single"],
    ["8.1.0", "multi"],
    ["8.10.0", "multi"],
    ["10.0.2", "multi"],
  ])("QEMU %s: %s", (version, threads) => {
    expect(accelOf(version)).toBe(`tcg,thread=${threads}`);
  });
  test("a host with a weaker order of memory than the guest's gets one thread", () => {
    expect(accelOf("10.0.2", "arm64")).toBe("tcg,thread=single");
  });
  test("KVM has no such choice", () => {
    expect(qemuArgv(secure)).toContain("kvm");
  });
});
