/** A libvirt domain as XML, and what libvirt says of it: golden files and recorded words of virsh 9.0.0. */
import { encode } from "fast-png";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { describe, expect, test } from "vitest";
import { HostUnfit, MachineFault, UsageError } from "../../harness/base/errors.ts";
import { type DomainLayout, domainXml } from "../../harness/machine/libvirt/domain-xml.ts";
import {
  lineSplitter,
  parseLifecycle,
  parseMonitorEvent,
} from "../../harness/machine/libvirt/events.ts";
import { libvirtFault } from "../../harness/machine/libvirt/faults.ts";
import { readPicture } from "../../harness/machine/libvirt/hands.ts";
import { ownerOf } from "../../harness/machine/libvirt/reap.ts";
import { wireArgv } from "../../harness/machine/libvirt/wire.ts";

const layout: DomainLayout = {
  name: "bootgate-123-456-candidate",
  uuid: "8a3ff4f6-1f3c-4f7c-8b3d-1a2b3c4d5e6f",
  owner: { label: "123-456", cache: "/home/me/.cache/bootgate", host: "lab" },
  accelerator: "tcg",
  firmware: "uefi",
  memoryMiB: 1536,
  cpus: 2,
  credentials: ["io.systemd.credential.binary:a=YQ==", "io.systemd.credential.binary:b=Yg=="],
  disks: [
    { kind: "disk", port: 40_001, readOnly: false },
    { kind: "cdrom", port: 40_002, readOnly: true },
  ],
  networkPort: 40_003,
  consolePort: 40_004,
  channelPort: 40_005,
  rebootEnds: false,
};

test.each([
  ["uefi", layout],
  ["bios-kvm", { ...layout, firmware: "bios", accelerator: "kvm", credentials: [] }],
  [
    "secure-4k-no-channel",
    {
      ...layout,
      firmware: "uefi-secure-boot",
      channelPort: null,
      rebootEnds: true,
      disks: [{ kind: "disk", port: 40_001, readOnly: true, sectorBytes: 4096 }],
    },
  ],
] as const)("the domain '%s'", async (name, one) => {
  const xml = domainXml(one);
  expect(XMLValidator.validate(xml)).toBe(true);
  await expect(xml).toMatchFileSnapshot(`../golden/libvirt-domain-${name}.xml`);
});

test("what a value contains stays a value", () => {
  const cache = `/a"<b>&'c`;
  const xml = domainXml({ ...layout, owner: { ...layout.owner, cache } });
  const read = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "@" }).parse(xml);
  expect(read.domain.metadata["bootgate:run"]["@cache"]).toBe(cache);
  expect(Object.keys(read.domain.metadata)).toEqual(["bootgate:run"]);
});

test.each([
  // As `virsh metadata` 9.0.0 prints it.
  [`<run owner="123-456" cache="/home/me/.cache/bootgate" host="lab"/>`, layout.owner.label],
  [`<bootgate:run xmlns:bootgate="x" owner="123-456" cache="/c" host="lab"/>`, "123-456"],
  [`<run owner="123-456"/>`, undefined],
  ["<other/>", undefined],
  ["", undefined],
  ["<run", undefined],
])("whose a domain is, by %s", (text, label) => {
  expect(ownerOf(text)?.owner).toBe(label);
});

test("the wire is a closed user network whose other end is a port of the loopback", () => {
  const network = {
    open: false,
    sshPort: 40_022,
    forwards: [{ guestAddress: "10.0.2.100", guestPort: 5000, hostPort: 41_000 }],
    forwardCommand: ["nc", "-N"],
  };
  const argv = wireArgv({ monitorSocket: "/run/a,b", network, port: 40_003 });
  expect(argv.join(" ")).toBe(
    "-machine none -nodefaults -no-user-config -display none " +
      "-chardev socket,id=monitor,path=/run/a,,b,server=off -mon chardev=monitor,mode=control " +
      "-netdev user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:40022-:22,guestfwd=tcp:10.0.2.100:5000-cmd:nc -N 127.0.0.1 41000 " +
      "-netdev socket,id=line,listen=127.0.0.1:40003 " +
      "-netdev hubport,id=inside,hubid=0,netdev=line -netdev hubport,id=outside,hubid=0,netdev=net0",
  );
});

describe("events as virsh 9.0.0 prints them", () => {
  test.each([
    ["event 'lifecycle' for domain 'a-b': Started Booted", ["a-b", "Started", "Booted"]],
    [
      "event 'lifecycle' for domain 'a': Shutdown Finished after host request",
      ["a", "Shutdown", "Finished after host request"],
    ],
    ["event 'lifecycle' for domain 'a': Stopped Destroyed", ["a", "Stopped", "Destroyed"]],
    ["event 'reboot' for domain 'a'", null],
    ["event loop timed out", null],
    ["", null],
  ])("%s", (line, expected) => {
    const event = parseLifecycle(line);
    expect(event === null ? null : [event.domain, event.event, event.detail]).toEqual(expected);
  });
  test.each([
    [
      `event VSERPORT_CHANGE at 1795717651.556937 for domain 'a': {"open":true,"id":"channel0"}`,
      { open: true, id: "channel0" },
    ],
    [
      `event RESET at 1795717651.251051 for domain 'a': {"guest":false,"reason":"host-qmp-system-reset"}`,
      { guest: false, reason: "host-qmp-system-reset" },
    ],
    ["event RESUME at 1795717650.181670 for domain 'a': <null>", {}],
    ["event RESUME for domain 'a': [1", {}],
  ])("%s", (line, data) => {
    expect(parseMonitorEvent(line)).toMatchObject({ domain: "a", data });
  });
  test("a line that comes in pieces is one line", () => {
    const heard: string[] = [];
    const hear = lineSplitter((line) => heard.push(line));
    for (const piece of ["a", "b\nc", "\n", "d"]) hear(piece);
    expect(heard).toEqual(["ab", "c"]);
  });
});

describe("what virsh 9.0.0 says, for a person", () => {
  const cases: [string, unknown, RegExp][] = [
    [
      "error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory",
      HostUnfit,
      /daemon does not run/,
    ],
    [
      "error: failed to connect to the hypervisor\nerror: internal error: unexpected qemu URI path '/sytem', try qemu:///system",
      UsageError,
      /cannot make anything of the URI/,
    ],
    ["error: no connection driver available for xen:///system", UsageError, /URI/],
    [
      "error: no connection driver available for URI 'foo' does not include a driver name",
      UsageError,
      /URI/,
    ],
    [
      "error: Cannot recv data: ssh: Could not resolve hostname nosuch.invalid: Name or service not known: Connection reset by peer",
      HostUnfit,
      /over SSH/,
    ],
    [
      "error: internal error: Unable to get system bus connection: Could not connect: No such file or directory",
      HostUnfit,
      /may not use/,
    ],
    [
      "error: authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'",
      HostUnfit,
      /may not use/,
    ],
    [
      "error: cannot create file '/var/lib/libvirt/qemu/x.xml': No space left on device",
      HostUnfit,
      /is full/,
    ],
    [
      "error: Failed to define domain\nerror: operation failed: Unable to find any firmware to satisfy 'efi'",
      HostUnfit,
      /no such firmware/,
    ],
    ["error: Failed to start domain 'x'\nerror: something new", MachineFault, /refused 'start'/],
  ];
  test.each(cases)("%s", (said, kind, words) => {
    const fault = libvirtFault({ uri: "qemu:///system", command: "start", said });
    expect(fault).toBeInstanceOf(kind);
    expect(fault.headline).toMatch(words);
    expect(fault.headline).toContain("qemu:///system");
    expect(fault.details.said).not.toMatch(/^error: /m);
  });
});

describe("a picture of a domain's display", () => {
  const rgb = Uint8Array.from([1, 2, 3, 250, 251, 252]);
  const picture = { width: 2, height: 1, pixels: rgb };
  test.each([
    ["PNG", encode({ width: 2, height: 1, data: rgb, channels: 3, depth: 8 })],
    [
      "PNG with alpha",
      encode({
        ...{ width: 2, height: 1, channels: 4, depth: 8 },
        data: Uint8Array.from([1, 2, 3, 255, 250, 251, 252, 255]),
      }),
    ],
    ["PPM", Uint8Array.from([...Buffer.from("P6 2 1 255\n"), ...rgb])],
  ])("as %s", (_, file) => {
    expect(readPicture(file)).toEqual(picture);
  });
  test("what is cut short or something else is not a picture", () => {
    const whole = encode({ width: 2, height: 1, data: rgb, channels: 3, depth: 8 });
    expect(readPicture(whole.subarray(0, 40))).toBeNull();
    expect(readPicture(Buffer.from("hello"))).toBeNull();
    expect(readPicture(new Uint8Array())).toBeNull();
  });
});
