/** What a boot prints on the serial console: the words of real firmware, GRUB, kernel, dracut and systemd, in that order. */

/** `red`: its health checks failed, and it restarts the machine. */
export type BootEnd = "login" | "red" | "panic" | "refused" | "no-root" | "unsigned";

/** What a boot begins with, whatever is booted. */
export const firmwareLines: readonly string[] = [
  'BdsDxe: loading Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0)',
  'BdsDxe: starting Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0)',
];

/** The lines of one boot behind those, in the groups in which they appear. */
export function bootLines(version: string, end: BootEnd): string[][] {
  if (end === "unsigned")
    return [
      [
        'BdsDxe: failed to load Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0): Access Denied',
        "BdsDxe: No bootable option or device was found.",
      ],
    ];
  const early = [
    ["Welcome to GRUB!", `  Booting \`Simulated OS ${version} (ostree:0)'`],
    [
      "[    0.000000] Linux version 7.2.0-sim (simulated) #1 SMP",
      "[    0.000000] Command line: root=LABEL=root console=ttyS0",
    ],
  ];
  if (end === "panic") {
    const panic = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)";
    return [...early, [`[    2.514000] ${panic}`, `[    2.515000] ---[ end ${panic} ]---`]];
  }
  if (end === "no-root")
    return [
      ...early,
      ["[    1.900000] systemd[1]: Running in initrd."],
      [
        "[ TIME ] Timed out waiting for device dev-disk-by\\x2dlabel-root.device - /dev/disk/by-label/root.",
        "[DEPEND] Dependency failed for sysroot.mount - /sysroot.",
        "Entering emergency mode.",
      ],
    ];
  if (end === "refused")
    return [
      ...early,
      ["[    1.900000] systemd[1]: Running in initrd."],
      ["[FAILED] Failed to start bootc-root-setup.service.", "Entering emergency mode."],
    ];
  const welcome = `Welcome to Simulated OS ${version}!`;
  const switching = [
    "[    1.900000] systemd[1]: Running in initrd.",
    "[    1.910000] systemd[1]: Switching root.",
  ];
  if (end === "red") return [...early, switching, [welcome, ...redLines]];
  return [
    ...early,
    switching,
    [welcome, "[  OK  ] Reached target Multi-User System."],
    ["", `Simulated OS ${version} ttyS0`, "", "simulated login: "],
  ];
}

/** What greenboot says of a boot whose required check fails (0.15, `usr/libexec/greenboot/greenboot`). */
const redLines: readonly string[] = [
  "[FAILED] Failed to start greenboot-healthcheck.service - greenboot Health Checks Runner.",
  "[   21.000000] simulated greenboot[812]: <0>Boot Status is RED - Health Check FAILURE!",
];

const wayDown: readonly string[] = [
  "[  OK  ] Stopped OpenSSH server daemon.",
  "[  OK  ] Stopped OSTree Finalize Staged Deployment.",
];

export const shutdownLines: readonly string[] = [
  ...wayDown,
  "[  OK  ] Reached target System Reboot.",
  "[   42.000000] reboot: Restarting system",
];

export const powerOffLines: readonly string[] = [
  ...wayDown,
  "[  OK  ] Reached target System Power Off.",
  "[   42.000000] reboot: Power down",
];
