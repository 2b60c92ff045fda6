/**
 * The command lines the harness itself runs in a guest. They are few and stand in one place, so that a person who wants
 * to know what touches the system under test reads this page (and `ssh-commands.ts`, `block-commands.ts`, `object-commands.ts`), and the simulated guest answers the same ones. Where a
 * message is read and not only JSON, LC_ALL=C keeps a guest from saying it in its own language.
 */

import { quoteArgument as quote } from "../base/quote.ts";
import { faultLines } from "../machine/console/journal-fault.ts";
import { channelUnit } from "./channel/unit.ts";
import type { JournalQuery } from "./journal-query.ts";
import { allWantedTold, sshEnabled, sshTrouble, sshWanted } from "./ssh-commands.ts";

const inEnglish = "env LC_ALL=C ";

/** A command whose words are read, whatever language the system speaks (locale(7)). `env` serves any login shell. */
const read = (line: string): string => `${inEnglish}${line}`;

/** A command line as messages show it: without what only makes its output readable to the harness. */
export const shownCommand = (line: string): string =>
  line.replace(/^(?:env )?LC_ALL=C (?:'no_proxy=\*' )?/, "");

/** Leads in journalctl's exit code behind what it printed; its own lines begin with a stamp or a space. */
export const journalEnd = "journalctl-exit-code";

/** random(4). */
export const bootIdPath = "/proc/sys/kernel/random/boot_id";

export const commands = {
  /**
   * random(4): unique for each boot of the kernel. A shell that is not a POSIX one stumbles over an assignment that stands alone; fish
   * takes one before a command (seen with 3.6.0).
   */
  bootId: `LC_ALL=C && cat ${bootIdPath}`,
  reboot: "systemctl reboot",
  powerOff: "systemctl poweroff",
  /** systemd-soft-reboot.service(8): user space starts again under the same kernel. */
  softReboot: "systemctl soft-reboot",
  /** Manager property of org.freedesktop.systemd1(5): soft reboots since the kernel started. */
  softReboots: "systemctl show --property=SoftRebootsCount --value",
  /**
   * Returns once something listens on port 22, with exit code 1 when sshd has failed, or nothing has after `seconds` by the
   * count of its sleeps (proc_net_tcp: local address, remote address, state 0A is LISTEN).
   */
  sshListens: (seconds: number) =>
    `i=0; until grep -qs ':0016 [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6; do i=$((i+1)); [ $i -gt ${seconds * 2} ] && exit 1; [ $((i % 10)) -eq 0 ] && systemctl is-failed -q ssh.service sshd.service && exit 1; sleep 0.5; done`,
  sshTrouble,
  /** Why the shell of the root channel ended. */
  channelTrouble: [
    `systemctl show --property=ActiveState,SubState,Result,NRestarts ${channelUnit}`,
    `journalctl -b -u ${channelUnit} -o cat --no-pager -n 8`,
  ].join("; "),
  sshEnabled,
  /** Its last line is `allWantedTold`. */
  sshWanted: `${sshWanted()}; echo '${allWantedTold}'`,
  /** ip-address(8). */
  addresses: "ip address",
  /** proc_loadavg(5). */
  load: "cat /proc/loadavg",
  /**
   * `seed`, of letters and digits, goes into the kernel's pool of randomness, which forks have alike. It counts from the next reseed on, within
   * a minute (Linux, `drivers/char/random.c`); a kernel that knows the machine's generation ID (vmgenid) reseeds by itself at once.
   */
  setClock: (unixSeconds: number, seed: string) =>
    `date -s @${unixSeconds} || exit; echo ${seed} > /dev/urandom || :`,

  bootcStatus: read("bootc status --format=json"),
  /** For bootc from before June 2024, which does not have `--format` (bootc-dev/bootc#639). */
  bootcStatusOld: read("bootc status --json"),
  bootcVersion: read("bootc --version"),
  bootcUpgrade: (options: readonly string[]) => ["bootc upgrade", ...options].join(" "),
  bootcInstallConfiguration: "bootc install print-configuration",
  bootcSwitch: (reference: string, transport?: string) =>
    `bootc switch ${transport === undefined ? "" : `--transport ${transport} `}${quote(reference)}`,
  bootcSwitchEnforced: (reference: string) =>
    `bootc switch --enforce-container-sigpolicy ${quote(reference)}`,
  bootcRollback: "bootc rollback",
  /**
   * Changes what the booted deployment follows, nothing else. On a booted host bootc does not open /sysroot for it (seen
   * with 1.16.9: `Writing origin: Read-only file system`), so it gets a mount namespace of its own where /sysroot can be written.
   */
  bootcFollow: (reference: string) =>
    `unshare --mount sh -c ${quote(
      `mount -o remount,rw /sysroot && exec bootc switch --mutate-in-place --transport registry ${quote(reference)}`,
    )}`,

  /** ostree(1): the mark of a system that booted through ostree. */
  ostreeBooted: "test -e /run/ostree-booted",
  /** proc_cmdline(5). */
  kernelArguments: read("cat /proc/cmdline"),
  rpmOstreeVersion: read("rpm-ostree --version"),
  rpmOstreeStatus: read("rpm-ostree status --json"),
  /** It fetches files by libcurl, and by the proxies of the session (rpm-ostree, `rust/src/client.rs`), as dnf5 below. */
  rpmOstree: (words: readonly string[]) =>
    read(["'no_proxy=*' rpm-ostree", ...words.map(quote)].join(" ")),

  /** systemctl(1): waits until start-up has ended; exits 0 only for `running`. */
  systemState: read("systemctl is-system-running --wait"),
  /** The same for so long at most: exits 124 where start-up has not ended then (timeout(1)). */
  startUpEnd: (seconds: number) => read(`timeout ${seconds} systemctl is-system-running --wait`),
  /** The same without waiting: `stopping` once the system goes down. */
  systemStateNow: read("systemctl is-system-running"),
  /** logind's sessions with what each of them is, parted by empty lines (loginctl(1)). */
  sessions: read(
    `sh -c ${quote(
      'loginctl list-sessions --no-legend --no-pager | while read -r id rest; do loginctl show-session "$id" --property=Id --property=Name --property=Seat --property=Class --property=Type --property=State; echo; done',
    )}`,
  ),
  /** The alias of whichever display manager the image has (systemd.special(7)). */
  displayManager: read(
    "systemctl show --no-pager --property=LoadState,ActiveState,SubState,Result display-manager.service",
  ),
  /** What the system starts by default (systemctl(1)). */
  defaultTarget: read("systemctl get-default"),
  /** Names of installers among the processes, of Anaconda and Calamares; the brackets keep it from finding itself. */
  installers: read(
    "sh -c 'grep -ahosE \"[a]naconda|[l]iveinst|[c]alamares\" /proc/[0-9]*/cmdline | sort -u'",
  ),
  /** Units that systemd has queued (systemctl(1)). */
  jobs: read("systemctl list-jobs --no-legend --no-pager"),
  /** What all processors did since boot (proc_stat(5)). */
  processorTimes: read("sh -c 'head -n 1 /proc/stat'"),
  /** Statistics of CD drives (kernel documentation, block/stat.rst). */
  driveStatistics: read("sh -c 'grep -Hs . /sys/block/sr*/stat || true'"),
  failedUnits: read("systemctl list-units --failed --plain --no-legend --no-pager"),
  serviceRestarts: read(
    "systemctl show --no-pager --property=Id,ActiveState,SubState,NRestarts '*.service'",
  ),
  /** Properties of units, parted by commas, in blocks (systemctl(1)). */
  unitProperties: (properties: string, units: readonly string[]) =>
    read(`systemctl show --no-pager --property=${properties} -- ${units.map(quote).join(" ")}`),
  stopUnits: (units: readonly string[]) => read(`systemctl stop -- ${units.map(quote).join(" ")}`),
  journal: (query: JournalQuery) =>
    [
      read("journalctl"),
      `--boot=${query.boot ?? 0} -o short-monotonic --no-pager -n ${query.lines ?? 1000}`,
      ...(query.unit === undefined ? [] : ["-u", quote(query.unit)]),
      ...(query.priority === undefined ? [] : ["-p", quote(query.priority)]),
    ].join(" "),
  /**
   * A part of this boot's journal: of the lines that can be a fault, `bytes` from byte `from` on, and behind the last of
   * them journalctl's exit code, which a pipe would lose. Line for line as `journal` has them.
   */
  journalPage: ({ from, bytes }: { readonly from: number; readonly bytes: number }) =>
    read(
      `sh -c ${quote(
        `{ journalctl --boot=0 -o short-monotonic --no-pager; echo "${journalEnd} $?"; } | grep -aE "^${journalEnd} |${faultLines}" | tail -c +${from + 1} | head -c ${bytes}`,
      )}`,
    ),

  /** findmnt(8): exits 1 when nothing is mounted there. */
  mount: (path: string) =>
    read(`findmnt --json --output SOURCE,FSTYPE,OPTIONS --mountpoint ${quote(path)}`),
  ostreeStatus: read("ostree admin status --json"),
  /** For ostree from before 2025.3, which does not have `--json`. */
  ostreeStatusOld: read("ostree admin status"),
  /** All refs, one a line (ostree-refs(1)). */
  ostreeRefs: read("ostree refs"),
  /** The manifest of the image that a commit was made of, as ostree-ext keeps it: a GVariant string, in quotes. */
  ostreeManifest: (checksum: string) =>
    read(`ostree show --print-metadata-key=ostree.manifest ${quote(checksum)}`),

  /** libcurl goes by the proxies of the environment where dnf5 does not name one (seen with 5.4.6), so they count for no host. */
  dnf: (words: readonly string[]) =>
    `env LC_ALL=C 'no_proxy=*' ${["dnf5", ...words].map(quote).join(" ")}`,
  /**
   * The same where dnf5 finds every program but bootc: a folder of links is its PATH. An image's dnf5 can be a script, which needs
   * programs. That bootc is there and cannot be started would be another case: dnf5 then cannot tell (libdnf5, `utils/bootc.cpp`).
   */
  dnfAlone: (words: readonly string[]) =>
    `sh -c ${quote(`d=$(command -v dnf5) && f=$(mktemp -d /run/bootgate-path.XXXXXX) && trap 'rm -rf "$f"' EXIT && for p in $(echo "$PATH" | tr : ' '); do ln -s "$p"/* "$f" 2>/dev/null; done; rm -f "$f/bootc"; env LC_ALL=C no_proxy="*" PATH="$f" "$d" "$@"`)} sh ${words.map(quote).join(" ")}`,
  /** flatpak-list(1). */
  flatpaks: read("flatpak list --system --columns=ref,active"),
  /** rpm(8): all packages, one a line. */
  rpmPackages: read(`rpm -qa --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\\n'`),
  /** rpm(8): `whatprovides`, `whatrequires`. */
  rpmAbout: (question: string, names: readonly string[]) =>
    read(
      `rpm -q --${question} --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\\n' ${names.map(quote).join(" ")}`,
    ),
  /** ostree sets all times to 0 (ostree(1), commit), so that they say nothing. */
  rpmVerify: (name: string) => read(`rpm -V --nomtime --nodeps --noscripts ${quote(name)}`),
  /**
   * Packages, one a line as `rpmPackages` has them, with files below /usr that two commits do not share. Of a folder that is gone,
   * `ostree diff` tells the folder alone (seen with 2026.4). What is a ghost to rpm is made after the package (rpm-spec(5)). Packages
   * of a kernel have /lib/modules, by its link in /.
   */
  rpmOwnersOfDifferences: (one: string, other: string) =>
    read(
      `sh -c ${quote(
        [
          "set -e; d=$(mktemp -d); trap 'rm -rf \"$d\"' EXIT; cd \"$d\"; t=$(printf '\\t')",
          'ostree diff --repo=/sysroot/ostree/repo "$1" "$2" > diff',
          "sed -n 's|^[MD] *\\(/usr/\\)|\\1|p' diff | sort -u > files",
          "rpm -qa --qf '[%{FILEFLAGS:fflags}%{FILENAMES}\\t%{=NAME}-%{=VERSION}-%{=RELEASE}.%{=ARCH}\\n]' > owned",
          `sed -nE 's|^[^/g]*(/usr/)|\\1|p; s#^[^/g]*(/(lib|lib64|bin|sbin)/)#/usr\\1#p' owned | sort -t "$t" -k 1,1 | join -t "$t" -o 2.2 files - | sort -u`,
        ].join("; "),
      )} sh ${quote(one)} ${quote(other)}`,
    ),

  bootupdStatus: read("bootupctl status --json"),
  bootupdValidate: read("bootupctl validate"),
  bootupd: (verb: string) => read(`bootupctl ${verb}`),
  /** lsblk(8): whole disks, one a line, sizes in bytes. */
  disks: read("lsblk --bytes --nodeps --noheadings --paths --output NAME,SIZE,TYPE"),
  partitionTypes: "lsblk --pairs --paths --output NAME,PKNAME,PTTYPE,PARTTYPE",
  /** What /boot or else /sysroot lies on, from the file system's device down to whole disks, by a column of lsblk(8); nothing where that is not a device. */
  underBoot: (column: "NAME" | "TYPE") =>
    read(
      `sh -c ${quote(
        `for d in /boot /sysroot; do s=$(findmnt -n -v -o SOURCE --target "$d" | tail -n 1) && lsblk --inverse --list --noheadings --paths --output ${column} "$s" 2>/dev/null && exit; done; exit 0`,
      )}`,
    ),
  /** stat(1): the kind of a path's file system. */
  fileSystemOf: (path: string) => read(`stat -f -c %T ${quote(path)}`),
  /** One sector of 512 bytes in base64, past the cache where the disk lets it (dd(1), base64(1)). */
  sector: (disk: string, number: number) =>
    read(
      `sh -c ${quote(`for f in iflag=direct ''; do dd if=${quote(disk)} bs=512 skip=${number} count=1 $f 2>/dev/null | base64 -w0 | grep . && exit; done; exit 1`)}`,
    ),
  /**
   * Where images carry it: below /usr/lib/efi since Fedora 44, and only where nothing is there below bootupd's own folder
   * (bootupd, `src/efi.rs`).
   */
  efiPayload: `sh -c ${quote(
    `for d in /usr/lib/efi/*/*/EFI; do [ -d "$d" ] && cd /usr/lib/efi && exec find . -type f -path "*/EFI/*" -exec sha256sum {} +; done; cd /usr/lib/bootupd/updates 2>/dev/null || exit 0; exec find . -type f -path "*/EFI/*" -exec sha256sum {} +`,
  )}`,
  /**
   * The files of a partition, mounted where nobody else sees it; its owner may have it mounted already, which decides how. Kernels are left out: bootc writes them
   * there as it stages, and they are not the boot loader's (Boot Loader Specification, type 2; bootc, `bootc_composefs/boot.rs`).
   */
  efiFiles: (device: string) =>
    `unshare --mount sh -c ${quote(
      `d=$(mktemp -d /run/bootgate-esp.XXXXXX) && trap 'cd /; umount "$d"; rmdir "$d"' EXIT && { mount -t vfat ${quote(device)} "$d" 2>/dev/null || mount -t vfat -o ro ${quote(device)} "$d"; } && { cd "$d/EFI" 2>/dev/null || exit 0; } && find . -ipath ./Linux -prune -o -type f -exec sha256sum {} +`,
    )}`,

  /**
   * Runs a line in the folder EFI of a partition, which can be written there. Where its owner has it mounted read-only, mount(8)
   * falls back to that and exits 0, so it is asked once more; the owner's own mount stays as it is.
   */
  inEfi: (device: string, line: string) =>
    `unshare --mount sh -c ${quote(
      `d=$(mktemp -d /run/bootgate-esp.XXXXXX) && trap 'cd /; umount "$d"; rmdir "$d"' EXIT && mount -t vfat ${quote(device)} "$d" && mount -o remount,rw "$d" && cd "$d/EFI" && ${line}`,
    )}`,
  /** Runs a line where /boot, which is read-only in an image-based system, can be written; nobody else sees that. */
  inBoot: (line: string) =>
    `unshare --mount sh -c ${quote(
      `for d in /sysroot /boot; do mount -o remount,rw "$d" 2>/dev/null; done; ${line}`,
    )}`,
  /** Runs a line whose mounts nobody else sees, and which end with it. */
  inOwnMounts: (line: string) => `unshare --mount sh -c ${quote(line)}`,
  isLink: (path: string) => `test -L ${quote(path)}`,
  /** sha256sum(1) of what a soft reboot cannot change, below a root. /etc is not merged before a deployment is finalised. */
  softRebootFacts: (root: string) =>
    `sh -c ${quote(
      `cd ${quote(root)} || exit; find usr/lib/modules/*/vmlinuz usr/lib/modules/*/initramfs* usr/lib/modules/*/dtb usr/lib/modules/*/devicetree usr/lib/ostree-boot usr/lib/bootc/kargs.d -type f -exec sha256sum {} + 2>/dev/null; [ -d etc/selinux ] || cd usr; cd etc 2>/dev/null && find selinux/config selinux/*/policy -type f -exec sha256sum {} + 2>/dev/null; exit 0`,
    )}`,
  /** Each line of the boot loader entries, with its file. */
  bootEntries: read("grep -rH '' /boot/loader/entries/"),
  /** grub2-editenv(1). The place is named, since Debian's program has another default. */
  grubEnvironment: (file: string) => read(`grub2-editenv ${quote(file)} list`),
  /** ostree.repo-config(5). */
  ostreeBootloader: "ostree config --repo=/ostree/repo get sysroot.bootloader",

  /** What ostree recorded of this boot, a GVariant, in base64. */
  ostreeBootedRecord: "sh -c 'head -c 65536 /run/ostree-booted | base64'",
  /** A part of a pipe: a file from a byte on. */
  from: (path: string, at: number) => `tail -c +${at + 1} ${quote(path)}`,
  /** Of what a pipe prints, `count` bytes from one on, in base64. */
  partOf: (pipe: string, from: number, count: number) =>
    `sh -c ${quote(`${pipe} | tail -c +${from + 1} | head -c ${count} | base64`)}`,
  /** Offsets of a text in what a pipe prints (grep(1): `--byte-offset` with `--only-matching`). */
  offsetsIn: (pipe: string, text: string, count: number) =>
    read(`sh -c ${quote(`${pipe} | grep -aboF ${quote(text)} | tail -n ${count}`)}`),
  bootcFsck: read("bootc internals fsck"),
  /** Runs a line where /sysroot can be written; nobody else sees that. */
  inSysroot: (line: string) =>
    `unshare --mount sh -c ${quote(`mount -o remount,rw /sysroot && ${line}`)}`,
  /**
   * Puts a copy with one other byte in a file's place, by renaming, so that fs-verity cannot keep it, and has the kernel forget what
   * it knew of the old one (kernel documentation, `sysctl/vm.rst`). The root of a deployment is immutable (chattr(1)), which has to go.
   */
  replaceFile: (path: string, at: number) =>
    `f=$(readlink -f ${quote(path)}) && { chattr -i "$(dirname "$f")" 2>/dev/null || true; } && cp -a "$f" "$f.new" && printf '\\377' | dd of="$f.new" bs=1 seek=${at} conv=notrunc status=none && mv -f "$f.new" "$f" && sync && echo 3 > /proc/sys/vm/drop_caches`,
  hasProgram: (name: string) => `sh -c ${quote(`command -v ${quote(name)}`)}`,
  isFile: (path: string) => `test -f ${quote(path)}`,
  isFolder: (path: string) => `test -d ${quote(path)}`,

  readFile: (path: string) => read(`cat -- ${quote(path)}`),
  writeFile: (path: string) => `cat > ${quote(path)}`,
  /** Folders that programs without rights look into, too: skopeo may run as nobody. */
  makeFolders: (paths: readonly string[]) => `mkdir -p -m 0755 -- ${paths.map(quote).join(" ")}`,
  letAllRead: (paths: readonly string[]) => `chmod 0644 -- ${paths.map(quote).join(" ")}`,
  canWrite: (path: string) => `test -w ${quote(path)}`,
  removeFile: (path: string) => `rm -f -- ${quote(path)}`,
  sha256: (path: string) => read(`sha256sum -- ${quote(path)}`),
} as const;
