/** Whose a wait is: labels that are written and what may lie outside of the machine prove nothing of an image. */
import { expect, test } from "vitest";
import { CannotTell } from "../../harness/base/errors.ts";
import { tooLate } from "../../harness/guest/reach-words.ts";
import { awaitedBy, isRelabelling, mayLieOutside } from "../../harness/machine/console/awaited.ts";
import type { Machine } from "../../harness/machine/machine.ts";

test.each([
  "Relabel all filesystems",
  "selinux-autorelabel.service - Relabel all filesystems",
  "selinux-… filesystems",
])("labels that are written are seen by %j, and prove nothing", (job) => {
  const said = [`[ ***  ] A start job is running for ${job} (4min / no limit)`];
  const console = { stage: "userspace", path: "c.log", tail: () => said, said: () => said };
  const machine = { console: { ...console, systemd: 257 } } as unknown as Machine;
  const host = { isWell: true, figures: "load 0.1 on 2 processors" };
  const late = { name: "candidate", timeoutMs: 120_000, timeScale: 1, host, machine };
  const error = tooLate(late, {});
  expect(error).toBeInstanceOf(CannotTell);
  expect(error.headline).toMatch(/still writing the labels of SELinux\.$/);
});

test.each([
  ["Job selinux-autorelabel.service/start running (1min 58s / no limit)", true],
  ["Job selinux-autorelabel.se…tart running (1min 58s / no limit)", true],
  ["Job selinux-check.service/start running (1min 58s / no limit)", false],
  ["Job selinux-check-proper-disa…tart running (1min 58s / no limit)", false],
  ["A start job is running for Unprelabelled things (1min 58s / no limit)", false],
])("%s: whether it writes labels: %s", (line, isSo) => {
  expect(isRelabelling(awaitedBy([line]) ?? "")).toBe(isSo);
});

test.each([
  ["'Wait for Network to be Configured' (5s / no limit)", true],
  ["'Network Manager Wait Online' (5s / 1min), 'Remote File Systems' (5s / no limit)", true],
  // One job of its own is enough in an initramfs.
  ["'Network Manager Wait Online' (5s / 1min), 'a.service' (5s / no limit)", false],
  [
    "'/dev/disk/by-label/cloudimg-rootfs' (5s / no limit), 'Network Manager Wait Online' (5s / 1min)",
    false,
  ],
  ["'dev-disk-by\\x2dlabel-cloudimg\\x2drootfs.device' (5s / no limit)", false],
  ["'dev-disk-by\\x2dlabel-cloudimg\\x…' (5s / no limit)", false],
  ["'/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-a-lun-1' (5s / no limit)", true],
  ["'dev-disk-by\\x2dpath-ip\\x2d10.0.0.1.device' (5s / no limit)", true],
  ["'/dev/nbd0' (5s / no limit), 'Wait for Network to be Online' (5s / no limit)", true],
  ["the stop of 'Remote File Systems' (5s / 1min)", true],
  ["'/dev/disk/by-uuid/1' (5s / no limit), 'iscsid.service' (5s / no limit)", true],
])("whether %s may lie outside: %s", (awaited, outside) => {
  expect(mayLieOutside(awaited, "initrd")).toBe(outside);
});

test.each([
  // cloud-init comes before sshd, whatever else is slow.
  ["'cloud-init-network.service' (5s / no limit), 'mnt-data.mount' (5s / 1min 30s)", true],
  ["'a.service' (5s / no limit), 'mnt-data.mount' (5s / 1min 30s)", false],
  ["'dev-disk-by\\x2dlabel-cloud.device' (5s / no limit), 'a.service' (5s / 1min 30s)", false],
  // A disk that is not there, and sshd itself, are proved, whatever waits beside them.
  ["'/dev/disk/by-uuid/1' (5s / 1min 30s), 'flatpak-preinstall.service' (5s / no limit)", false],
  ["'sshd.service' (5s / no limit), 'Wait for Network to be Configured' (5s / no limit)", false],
  ["'sshd-keygen@rsa.service' (5s / no limit), 'Wait for Network' (5s / no limit)", false],
  // A terminal, a card and a TPM that are not there do not keep sshd away, and a mapping does not say what it lies on.
  ["'dev-ttyS1.device' (1min / 1min 30s), 'cloud-init.service' (1min / no limit)", true],
  ["'/dev/ttyUSB0' (1min / 1min 30s), 'cloud-init.service' (1min / no limit)", true],
  [
    "'sys-subsystem-net-devices-eth1.device' (1min / 1min 30s), 'Wait for Network' (1min / no limit)",
    true,
  ],
  ["'dev-tpmrm0.device' (1min / 1min 30s), 'cloud-init.service' (1min / no limit)", true],
  [
    "'/dev/mapper/luks-1' (1min / no limit), 'NetworkManager-wait-online.service' (1min / 1min)",
    true,
  ],
  // A disk of a server has a name like any other.
  ["'dev-disk-by\\x2duuid-1.device' (1min / 3min), 'iscsi.service' (1min / no limit)", true],
  ["'dev-ttyS1.device' (1min / 1min 30s), 'a.service' (1min / no limit)", false],
  // On its way down a guest waits for its own units, network or not.
  ["the stop of 'NetworkManager.service' (4min / no limit)", false],
  [
    "the stop of 'ostree-finalize-staged.service' (4min / 5min), the stop of 'nfs' (4min / 5min)",
    false,
  ],
  ["the stop of 'Remote File Systems' (4min / 5min)", true],
  ["the stop of 'google-shutdown-scripts.service' (4min / no limit)", true],
  ["the stop of 'Google Compute Engine Shutdown Scripts' (4min / no limit)", true],
])("in user space one job is enough: %s: %s", (awaited, outside) => {
  expect(mayLieOutside(awaited, "userspace")).toBe(outside);
});
