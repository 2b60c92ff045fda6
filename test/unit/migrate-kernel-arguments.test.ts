/** The kernel arguments of a host: which of them are for other machines, too. */
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { kargsToml, parseKernelArguments } from "../../harness/migrate/kernel-arguments.ts";

describe("kernel arguments", () => {
  test("that are the machine's own stay out of the file for kargs.d", () => {
    const words = parseKernelArguments(
      'root=UUID=1 rd.luks.uuid=luks-2 rhgb quiet ostree=/ostree/boot.1 rw dyndbg="file a.c +p" mitigations=off\n',
    );
    expect(kargsToml(words)).toBe(
      'kargs = [\n  "rhgb",\n  "quiet",\n  "dyndbg=\\"file a.c +p\\"",\n  "mitigations=off",\n]\n',
    );
    expect(kargsToml(["root=/dev/vda1", "rw"])).toBeNull();
  });

  test("that are none, or too many, are refused", () => {
    expect(() => parseKernelArguments(" \n")).toThrow(/are empty/);
    expect(() => parseKernelArguments("a ".repeat(1001))).toThrow(UsageError);
  });

  test.each([
    [
      "its disks",
      "root=UUID=1 rootflags=subvol=root rootwait ro boot=UUID=2 roothash=ab usrhash=cd",
    ],
    [
      "its other file systems",
      "mount.usr=UUID=1 mount.usrflags=ro systemd.mount-extra=/dev/vdb:/srv",
    ],
    ["its swap", "resume=UUID=1 resume_offset=2 resumeflags=x systemd.swap-extra=UUID=3"],
    [
      "what its disks lie in",
      "rd.luks.uuid=a luks.name=b=c rd.lvm.lv=a/b rd.md.uuid=a rd.dm.uuid=b",
    ],
    ["verity of its disks", "systemd.verity_root_data=/dev/vda systemd.verity-usr-hash=/dev/vdb"],
    [
      "disks over a network",
      "netroot=iscsi:@1.2.3.4::::x rd.iscsi.password=s iscsi_initiator=iqn.x",
    ],
    ["more disks over a network", "rd.nvmf.hostnqn=x nfsroot=1.2.3.4:/r rd.nbd=x fcoe=eth0:nodcb"],
    ["disks of a mainframe", "rd.zfcp=0.0.1 rd.dasd=0.0.2 rd.znet=qeth,0.0.3 rd.znet_ifname=a:b"],
    [
      "its place in a network",
      "ip=10.0.0.2::10.0.0.1:255.255.255.0:host:eth0:none nameserver=10.0.0.1",
    ],
    [
      "its network devices",
      "ifname=lan:52:54:00:1:2:3 vlan=a:b bond=c team=d bridge=e rd.route=1:2",
    ],
    [
      "how it started from a network",
      "BOOTIF=01-52 bootdev=lan rd.neednet=1 rd.net.dns=dns://1.1.1.1",
    ],
    ["its name", "systemd.hostname=desk hostname=desk systemd.machine_id=0123"],
    ["its secrets", "systemd.set_credential=root:pass systemd.set_credential_binary=a:b"],
    [
      "how it was set up",
      "ignition.platform.id=metal ds=nocloud;s=http://10.0.0.1/ cloud-config-url=x",
    ],
    ["a quoted word", '"ip=dhcp" "systemd.hostname=a b"'],
  ])("that name %s stay out of it", (_, line) => {
    expect(kargsToml(parseKernelArguments(`quiet ${line}`))).toBe('kargs = [\n  "quiet",\n]\n');
  });

  test("that are the person's choice for any machine are in it", () => {
    const words =
      "crashkernel=1G-64G:256M,64G-:512M net.ifnames=0 ipv6.disable=1 rd.driver.blacklist=nouveau systemd.unified_cgroup_hierarchy=1 rootless=1 iommu=pt ipcmni_extend console=ttyS0 init_on_alloc=1 rd.timeout=30".split(
        " ",
      );
    expect(kargsToml(words)).toBe(
      `kargs = [\n${words.map((word) => `  "${word}",\n`).join("")}]\n`,
    );
  });
});
