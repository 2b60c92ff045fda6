/**
 * What a boot says that it waits for. systemd redraws a line for each job that takes long, in turn where there are several
 * (src/core/manager.c, manager_print_jobs_in_progress: "A start job is running for NAME (TIME / LIMIT)", since version 249 also
 * "Job UNIT/start running (TIME / LIMIT)"); other programs have a line of their own. Such a boot never falls silent, so no
 * line of it is fatal: what is awaited belongs into the message when time has run out.
 */
import type { BootStage } from "./console.ts";

const waits: readonly { readonly regex: RegExp; readonly words: (found: Groups) => string }[] = [
  {
    regex:
      /\bA (?<type>start|stop|restart|reload|verify-active) job is running for ?(?<name>.{1,200}) \((?<time>[^()/]{1,40} \/ [^()/]{1,40})\)/,
    words: ({ type, name, time }) => `${ofType(type)}'${name}' (${time})`,
  },
  {
    // A narrow terminal: the middle of the name and its kind are cut.
    regex:
      /\bJob (?<name>[^ /]{1,200}…)[a-z-]{0,12} running \((?<time>[^()/]{1,40} \/ [^()/]{1,40})\)/,
    words: ({ name, time }) => `'${name}' (${time})`,
  },
  {
    regex:
      /\bJob (?<name>[^ ]{1,200})\/(?<type>start|stop|restart|reload|verify-active) running \((?<time>[^()/]{1,40} \/ [^()/]{1,40})\)/,
    words: ({ type, name, time }) => `${ofType(type)}'${name}' (${time})`,
  },
  {
    // initramfs-tools, scripts/local and scripts/functions.
    regex: /^Begin: Waiting for (?<name>.{1,100}?) ?\.\.\./,
    words: ({ name }) => `'${name}'`,
  },
  {
    // cloud-init, url_helper.py: a data source that does not answer.
    regex:
      /\bcloud-init\[\d{1,8}\]: .{0,200}Calling '(?<name>[^']{1,200})' failed \[(?<time>\d{1,6}\/(?:-?\d{1,6}|unlimited))s\]/,
    words: ({ name, time }) => `'${name}' (${time} s)`,
  },
];

type Groups = Readonly<Record<string, string | undefined>>;

/** A boot waits for things to start; only another wish is worth a word. */
const ofType = (type: string | undefined): string => (type === "start" ? "" : `the ${type} of `);

/** A status line of systemd: what was awaited before it may have come. */
const status = /^\[ {0,2}(?:OK|FAILED|DEPEND|TIME|SKIP|INFO) {0,2}\]/;

const namesAtMost = 3;

/** What the newest lines of a console (newest last) say that it waits for: `'Wait for Network' (1min 58s / no limit)`; null for nothing. */
export function awaitedBy(lines: readonly string[]): string | null {
  const found: string[] = [];
  for (const line of [...lines].reverse()) {
    if (status.test(line)) break;
    const words = awaitedIn(line);
    if (words !== null && !found.includes(words)) found.push(words);
  }
  if (found.length === 0) return null;
  return found.slice(0, namesAtMost).reverse().join(", ");
}

/**
 * The network, the time of a server, a name server, a file system or a configuration at an address: what such words name may lie
 * outside of the machine, and a closed network keeps it there. By their units: `remote-fs.target` "Remote File Systems" and
 * `remote-cryptsetup.target` "Remote Encrypted Volumes" (systemd, units/), `tailscaled.service` "Tailscale node agent" (tailscale,
 * cmd/tailscaled), `clevis-luks-askpass.service` "Forward Password Requests to Clevis" (clevis, src/luks/systemd; it asks a Tang),
 * `flatpak-add-fedora-repos.service` (Fedora's package flatpak) and `flatpak-preinstall.service` (Universal Blue),
 * `google-guest-agent.service` "Google Compute Engine Guest Agent" and `google-startup-scripts.service` (guest-agent of Google Cloud).
 */
const outside =
  /\bremote[ -](?:fs|file systems|cryptsetup|encrypted|veritysetup|verity)\b|tailscale|\b(?:clevis|tang|flatpak|google)\b|network|online|https?:|metadata|ignition|afterburn|cloud|\bdns\b|resolve|chrony|\bntp|\btime(?:sync)?\b.*sync|sync.*\b(?:time|clock)\b|\b(?:nfs|cifs|smb|ceph|iscsi|sssd|ldap|kerberos)/i;

/**
 * `selinux-autorelabel.service`, "Relabel all filesystems" (policycoreutils), in whole and as a narrow terminal cuts it: it ends in a
 * restart, and no sshd runs beside it. Fedora's systemd names the unit (`status-unit-format-default=combined`).
 */
export const isRelabelling = (awaited: string): boolean =>
  /\b(?:auto)?relabel|'selinux-(?:auto|[a-z]{0,3}…[^']{0,30}filesystems)/i.test(awaited);

/** A disk that lies on a server, by the name of its device or unit (udev's 60-persistent-storage.rules; rbd(8), nbd-client(8)). */
const diskOutside = /\bby(?:-|\\x2d)path[/-]ip(?:-|\\x2d)|\bdev[/-](?:nbd\d|rbd)/;
/** A device of the machine, whatever its label says: by its path, or by its unit (systemd.device(5)), whose end may be cut off. */
const device = /^(?:the \S{1,20} of )?'(?:\/dev\/|dev-|[^ ']{1,200}\.device')/;

/** A disk, which sshd may need, unlike a terminal, a network card or a TPM. What a mapping lies on is not told by its name. */
const disk = /^'(?:\/dev\/|dev-)(?:disk\b|(?:[sv]d[a-z]|xvd|nvme\d|mmcblk\d|md))/;
/** What brings disks from outside, by whatever name they have then, or opens them by a server's word. */
const bringsDisks =
  /\b(?:iscsi|nbd|rbd|ceph|clevis|tang|nvmf|multipath|fcoe)|\bremote[ -](?:cryptsetup|encrypted|veritysetup|verity)/i;

const ofStop = /^the stop of '/;
/**
 * What a way down waits for outside: a file system of a server that does not answer any more, and google-shutdown-scripts.service, "Google
 * Compute Engine Shutdown Scripts", which asks for its metadata without end.
 */
const stopOutside =
  /\bremote[ -](?:fs|file systems)\b|\b(?:nfs|cifs|smb|ceph|iscsi)|\bgoogle\b.*shutdown[ -]scripts/i;
/** sshd itself, its socket and what makes its host keys, by their units and their descriptions in Fedora and Debian. */
const ofSshd = /'(?:sshd?(?:-keygen[^ ']{0,60})?\.|OpenSSH |OpenBSD Secure Shell)/;

function mayLie(one: string, isBrought: boolean): boolean {
  if (ofStop.test(one)) return stopOutside.test(one);
  if (diskOutside.test(one) || (isBrought && disk.test(one))) return true;
  return !device.test(one) && (outside.test(one) || bringsDisks.test(one));
}

/**
 * Whether what `awaitedBy` tells may lie outside of the machine, so that no image is to blame for it. An initramfs, and a way down,
 * has to get by everything that it waits for. In user space one job that does not come keeps sshd away (`cloud-init.service` has
 * `Before=sshd.service`), whatever else waits, unless that is a disk of the machine's or sshd itself.
 */
export function mayLieOutside(awaited: string, stage: BootStage): boolean {
  const jobs = awaited.split(/, (?=(?:the \S{1,20} of )?')/);
  const isBrought = jobs.some((one) => bringsDisks.test(one));
  const isOutside = (one: string): boolean => mayLie(one, isBrought);
  const isProved = jobs.some(
    (one) => ofStop.test(one) || ofSshd.test(one) || (disk.test(one) && !isOutside(one)),
  );
  return stage === "userspace" && !isProved ? jobs.some(isOutside) : jobs.every(isOutside);
}

function awaitedIn(line: string): string | null {
  for (const { regex, words } of waits) {
    const groups = regex.exec(line)?.groups;
    if (groups !== undefined) return words(groups);
  }
  return null;
}
