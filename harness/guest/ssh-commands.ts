/** What a guest is asked about its sshd: whether the image starts it, and why it cannot be reached. */
import { quoteArgument as quote } from "../base/quote.ts";

/** Where an image and its generators have units (systemd.unit(5), unit load path); the harness's wish is in another place. */
const unitFolders = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/run/systemd/generator",
  "/run/systemd/generator.late",
];

/** A line of a unit file by which it starts an sshd (systemd.unit(5)), lines that go on made one (systemd.syntax(7)). */
const startsSshd =
  "^[[:space:]]*(Wants|Requires|Upholds|BindsTo)[[:space:]]*=(.*[[:space:]])?sshd?[.](service|socket)";

/**
 * Prints the units by which an image starts an sshd that `systemctl is-enabled` calls disabled: those that are started or active
 * and have a link to it in `*.wants/` of the image, or name it in a line such as `Wants=`.
 */
export const sshWanted = (folders: readonly string[] = unitFolders): string =>
  [
    `for f in ${folders.join(" ")}`,
    "do for p in $f/*.[wru]*s/ssh.s[eo]* $f/*.[wru]*s/sshd.s[eo]* $(grep -lsE '(^|[[:space:]=])sshd?[.](service|socket)' $f/*.target $f/*.service $f/*.d/*.conf)",
    `do if case $p in *.[wru]*s/*) [ -e "$p" ] || [ -h "$p" ] ;; *) [ -f "$p" ] && sed '/^[[:space:]]*[#;]/d' "$p" | sed -e :a -e '/\\\\$/{N;s/\\\\\\n/ /;ba' -e '}' | grep -qE '${startsSshd}' ;; esac`,
    "then case $p in *.[wru]*s/*|*.d/*) u=${p%/*}; u=${u%.*} ;; *) u=$p ;; esac",
    "case ${u##*/} in ssh.*|sshd.*) ;; *) case $(systemctl show --property=ActiveState,Job --value \"${u##*/}\" | tr -d '\\n') in ''|inactive|inactive0) ;; *) echo \"${u##*/}\" ;; esac ;; esac",
    "fi",
    "done",
    "done",
  ].join("; ");

/** What stands below the units of `sshWanted`: without it a guest may not have told all of them. */
export const allWantedTold = "== all told";

/** Prints one word for each unit by which an image may have enabled SSH (systemctl(1), is-enabled). */
export const sshEnabled =
  "systemctl is-enabled ssh.service sshd.service ssh.socket sshd.socket 2>/dev/null";

/** How many lines of root's have the key, where they really lie, and on what kind of file system. */
const keyFacts = (publicKey: string): string =>
  [
    `cat /root/.ssh/authorized_keys 2>/dev/null | grep -cF -- ${quote(publicKey)}`,
    "readlink -m /root/.ssh/authorized_keys",
    "stat -f -c %T /root/",
  ].join("; ");

/** All that tells why a guest that is up cannot be reached over SSH; `ssh-trouble.ts` reads it. */
export const sshTrouble = (publicKey?: string): string =>
  [
    "echo '== units'",
    "for u in ssh.service sshd.service ssh.socket sshd.socket; do systemctl show --property=Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,Job $u; echo; done",
    "echo '== wanted'",
    sshWanted(),
    "echo '== listens'",
    "grep -hs ':0016 [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6",
    "echo '== addresses'",
    "ip -brief address",
    "echo '== system'",
    "systemctl is-system-running",
    "echo '== failed units'",
    "systemctl list-units --failed --plain --no-legend --no-pager",
    "echo '== sshd settings'",
    "sshd -T 2>&1 | grep -E '^(permitrootlogin|pubkeyauthentication|authorizedkeysfile|allowusers|allowgroups|denyusers|sshd:|no hostkeys)'",
    "echo '== key file'",
    "ls -ld /root/ /root/.ssh /root/.ssh/authorized_keys 2>&1",
    ...(publicKey === undefined ? [] : ["echo '== key'", keyFacts(publicKey)]),
    "echo '== sshd refusals'",
    // An sshd of a connection has units and names of its own (OpenSSH 9.8).
    "journalctl -b -t sshd -t sshd-session -t sshd-auth -o cat --no-pager -n 40 | grep -aE '^(Authentication refused: |User root from |ROOT LOGIN REFUSED )' | tail -n 5",
    "echo '== journal'",
    "journalctl -b -u ssh -u sshd -o cat --no-pager -n 15",
  ].join("; ");
