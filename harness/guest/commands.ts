/**
 * The command lines the harness itself runs in a guest. Few and plain, and all in one place: whoever wants to know what
 * touches the system under test reads this page, and the simulated guest answers the same ones.
 */
import { quoteArgument as quote } from "../base/quote.ts";

export const commands = {
  /** random(4): unique for each boot of the kernel. */
  bootId: "cat /proc/sys/kernel/random/boot_id",
  reboot: "systemctl reboot",
  /** systemd-soft-reboot.service(8): user space starts anew under the same kernel. */
  softReboot: "systemctl soft-reboot",
  /** Manager property of org.freedesktop.systemd1(5): soft reboots since the kernel started. */
  softReboots: "systemctl show --property=SoftRebootsCount --value",
  setClock: (unixSeconds: number) => `date -s @${unixSeconds}`,

  bootcStatus: "bootc status --format=json",
  bootcVersion: "bootc --version",
  bootcUpgrade: (options: readonly string[]) => ["bootc upgrade", ...options].join(" "),
  bootcSwitch: (reference: string) => `bootc switch ${quote(reference)}`,
  bootcRollback: "bootc rollback",

  /** systemctl(1): waits until start-up has ended; exits 0 only for `running`. */
  systemState: "systemctl is-system-running --wait",
  /** The same without waiting: `stopping` once the system goes down. */
  systemStateNow: "systemctl is-system-running",
  failedUnits: "systemctl list-units --failed --plain --no-legend --no-pager",
  serviceRestarts:
    "systemctl show --no-pager --property=Id,ActiveState,SubState,NRestarts '*.service'",
  journal: (query: JournalQuery) =>
    [
      `journalctl --boot=${query.boot ?? 0} -o short-monotonic --no-pager -n ${query.lines ?? 1000}`,
      ...(query.unit === undefined ? [] : ["-u", quote(query.unit)]),
      ...(query.priority === undefined ? [] : ["-p", quote(query.priority)]),
    ].join(" "),

  /** findmnt(8): exits 1 when nothing is mounted there. */
  mount: (path: string) =>
    `findmnt --json --output SOURCE,FSTYPE,OPTIONS --mountpoint ${quote(path)}`,
  ostreeStatus: "ostree admin status --json",

  readFile: (path: string) => `cat -- ${quote(path)}`,
  writeFile: (path: string) => `cat > ${quote(path)}`,
  removeFile: (path: string) => `rm -f -- ${quote(path)}`,
  sha256: (path: string) => `sha256sum -- ${quote(path)}`,
} as const;

export interface JournalQuery {
  readonly boot?: number;
  readonly unit?: string;
  readonly priority?: string;
  readonly lines?: number;
}
