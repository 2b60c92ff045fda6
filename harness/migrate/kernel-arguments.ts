/** The kernel arguments of a host, as `rpm-ostree kargs` prints them, and those of them that belong into an image's kargs.d. Pure. */
import { UsageError } from "../base/errors.ts";
import { oneLine, stripControls } from "../log/clean-text.ts";

/**
 * Arguments that name this machine: its disks, its place in a network, itself, or a secret of it. An image is for other machines, too.
 * From dracut.cmdline(7), nm-initrd-generator(8), systemd's kernel-command-line(7), systemd-fstab-generator(8) and systemd-veritysetup-generator(8),
 * the kernel's kernel-parameters, and the documentation of ostree, Ignition and cloud-init. Their `-` and `_` are the same.
 */
const machinesOwn = new Set(
  [
    "root rootflags rootfstype rootdelay rootwait ro rw ostree composefs boot BOOT_IMAGE initrd md dm_mod.create",
    "mount.usr mount.usrflags mount.usrfstype systemd.mount_extra systemd.swap_extra roothash usrhash",
    "resume resume_offset resumeflags",
    "ip ifname nameserver hostname vlan bond bridge team ib.pkey bootdev BOOTIF netroot nfsroot nfsaddrs fcoe",
    "systemd.hostname systemd.machine_id ds cloud_config_url network_config",
  ].flatMap((line) => line.split(" ")),
);

/** Beginnings of the same, which a dot or `_` follows where more does. */
const machinesFamilies = [
  ...["root", "rd.luks", "luks", "rd.lvm", "rd.md", "rd.dm", "rd.multipath", "rd.stratis"],
  ...["stratis", "systemd.verity_root", "systemd.verity_usr", "systemd.set_credential"],
  ...["rd.iscsi", "iscsi", "rd.nvmf", "rd.nbd", "nbd", "rd.nfs", "rd.fcoe", "cifs"],
  ...["rd.zfcp", "rd.dasd", "rd.znet", "rd.route", "rd.net", "rd.neednet", "rd.peerdns"],
  ...["rd.bootif", "rd.ethtool", "rd.systemd.pull", "systemd.pull", "ignition"],
];

function isMachinesOwn(word: string): boolean {
  // A whole argument may stand in quotes (kernel documentation, kernel-parameters).
  const key = word.replace(/^"/, "").replace(/=.*$/s, "").replaceAll("-", "_");
  return (
    machinesOwn.has(key) ||
    machinesFamilies.some(
      (name) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}_`),
    )
  );
}

/** The words of a command line: parted by blanks outside of double quotes (kernel documentation, kernel-parameters). */
export function parseKernelArguments(text: string): readonly string[] {
  const words = stripControls(text).match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  if (words.length > 0 && words.length <= 1000) return words;
  throw new UsageError(
    words.length === 0
      ? "The kernel arguments are empty."
      : "There are more than 1000 kernel arguments; no kernel takes so many.",
    {
      details: {
        "to do": "save what `rpm-ostree kargs` prints",
        got: oneLine(text, 100) || "nothing",
      },
    },
  );
}

/** A file for `/usr/lib/bootc/kargs.d` (bootc, `docs/src/building/kernel-arguments.md`); null where all arguments are the machine's own. */
export function kargsToml(words: readonly string[]): string | null {
  const shared = words.filter((word) => !isMachinesOwn(word));
  // TOML's basic strings have JSON's escapes (toml.io, v1.0.0).
  const list = shared.map((word) => `  ${JSON.stringify(word)},\n`).join("");
  return shared.length === 0 ? null : `kargs = [\n${list}]\n`;
}
