/**
 * The command lines the harness itself runs in a guest. Few and plain, and all in one place: whoever wants to know what
 * touches the system under test reads this page, and the simulated guest answers the same ones. Where a message is read
 * and not only JSON, LC_ALL=C keeps a guest from saying it in its own language.
 */
import { quoteArgument as quote } from "../base/quote.ts";

export const commands = {
  /** random(4): unique for each boot of the kernel. A shell that is not a POSIX one stumbles over the assignment at once. */
  bootId: "LC_ALL=C cat /proc/sys/kernel/random/boot_id",
  reboot: "systemctl reboot",
  /** systemd-soft-reboot.service(8): user space starts anew under the same kernel. */
  softReboot: "systemctl soft-reboot",
  /** Manager property of org.freedesktop.systemd1(5): soft reboots since the kernel started. */
  softReboots: "systemctl show --property=SoftRebootsCount --value",
  /**
   * Returns once something listens on port 22, with exit code 1 when sshd has failed, or nothing has after `seconds` by the
   * count of its sleeps (proc_net_tcp: local address, remote address, state 0A is LISTEN).
   */
  sshListens: (seconds: number) =>
    `i=0; until grep -qs ':0016 [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6; do i=$((i+1)); [ $i -gt ${seconds * 2} ] && exit 1; [ $((i % 10)) -eq 0 ] && systemctl is-failed -q ssh.service sshd.service && exit 1; sleep 0.5; done`,
  /** All that tells why a guest that is up cannot be reached over SSH; `ssh-trouble.ts` reads it. */
  sshTrouble: [
    "echo '== units'",
    "for u in ssh.service sshd.service ssh.socket sshd.socket; do systemctl show --property=Id,LoadState,ActiveState,SubState,Result,UnitFileState $u; echo; done",
    "echo '== listens'",
    "grep -hs ':0016 [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6",
    "echo '== addresses'",
    "ip -brief address",
    "echo '== failed units'",
    "systemctl list-units --failed --plain --no-legend --no-pager",
    "echo '== sshd settings'",
    "sshd -T 2>&1 | grep -E '^(permitrootlogin|pubkeyauthentication|authorizedkeysfile|allowusers|allowgroups|denyusers|sshd:|no hostkeys)'",
    "echo '== key file'",
    "ls -ld /root/ /root/.ssh /root/.ssh/authorized_keys 2>&1",
    "echo '== journal'",
    "journalctl -b -u ssh -u sshd -o cat --no-pager -n 15",
  ].join("; "),
  /** Prints one word for each unit by which an image may have enabled SSH (systemctl(1), is-enabled). */
  sshEnabled: "systemctl is-enabled ssh.service sshd.service ssh.socket sshd.socket 2>/dev/null",
  /** proc_loadavg(5). */
  load: "cat /proc/loadavg",
  setClock: (unixSeconds: number) => `date -s @${unixSeconds}`,

  bootcStatus: "bootc status --format=json",
  bootcVersion: "bootc --version",
  bootcUpgrade: (options: readonly string[]) => ["bootc upgrade", ...options].join(" "),
  bootcSwitch: (reference: string) => `bootc switch ${quote(reference)}`,
  bootcRollback: "bootc rollback",

  /** systemctl(1): waits until start-up has ended; exits 0 only for `running`. */
  systemState: "systemctl is-system-running --wait",
  failedUnits: "systemctl list-units --failed --plain --no-legend --no-pager",
  serviceRestarts:
    "systemctl show --no-pager --property=Id,ActiveState,SubState,NRestarts '*.service'",
  journal: (query: JournalQuery) =>
    [
      `LC_ALL=C journalctl --boot=${query.boot ?? 0} -o short-monotonic --no-pager -n ${query.lines ?? 1000}`,
      ...(query.unit === undefined ? [] : ["-u", quote(query.unit)]),
      ...(query.priority === undefined ? [] : ["-p", quote(query.priority)]),
    ].join(" "),

  /** findmnt(8): exits 1 when nothing is mounted there. */
  mount: (path: string) =>
    `findmnt --json --output SOURCE,FSTYPE,OPTIONS --mountpoint ${quote(path)}`,
  ostreeStatus: "ostree admin status --json",

  readFile: (path: string) => `LC_ALL=C cat -- ${quote(path)}`,
  writeFile: (path: string) => `cat > ${quote(path)}`,
  removeFile: (path: string) => `rm -f -- ${quote(path)}`,
  sha256: (path: string) => `LC_ALL=C sha256sum -- ${quote(path)}`,
} as const;

export interface JournalQuery {
  readonly boot?: number;
  readonly unit?: string;
  readonly priority?: string;
  readonly lines?: number;
}
