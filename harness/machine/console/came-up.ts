/**
 * What a console shows of a system that has started its services: that it is up, by which systemd, and that its sshd is not. Neither is a
 * boot that failed; whether such a guest can be asked is for the guest layer to find out.
 */
import { described, systemd } from "./console-pattern.ts";
import { segmentsOf } from "./console-untangle.ts";
import { automaticLogin, isLoginPrompt } from "./login-prompt.ts";

/** systemd.special(7): these come after the services that they want, sshd among them. */
const servicesStarted = systemd(
  `Reached target ${described("(?:multi-user|graphical)\\.target\\b|Multi-User System|Graphical Interface")}`,
);

/**
 * src/core/main.c: the manager's first line, in the initramfs and behind it; a quiet console does not show it. What stands behind the
 * number is the builder's (meson.build, version-tag): `v249.9-1.fc35`, `239 (239-82.el8)`, `254.10+suse.84.ge8d77af`.
 */
const versionLine = systemd("systemd v?(\\d{1,4})[^ ]{0,60}(?: \\([^()]{1,60}\\))? running in ");

/** The version of systemd that this row tells, or null. */
export function systemdVersionIn(row: string): number | null {
  for (const message of segmentsOf(row)) {
    const version = versionLine.exec(message)?.[1];
    if (version !== undefined) return Number(version);
  }
  return null;
}

const says = (row: string, what: RegExp): boolean =>
  segmentsOf(row).some((message) => what.test(message));

/** True when one of these rows says that all services have been started: a target that comes last. */
export const isAllStarted = (rows: readonly string[]): boolean =>
  rows.some((row) => says(row, servicesStarted));

/** True when one of these rows is of a system whose services have been started, or are: a target that comes last, or a getty's prompt. */
export const isPlainlyUp = (rows: readonly string[]): boolean =>
  isAllStarted(rows) || rows.some((row) => isLoginPrompt(row) || says(row, automaticLogin));

/** Fedora's and Debian's units, by name or by a description, which stands alone before systemd 249. */
const sshd =
  "(?:sshd?\\.(?:service|socket)\\b|OpenSSH (?:[Ss]erver(?! Key)|Daemon)|OpenBSD Secure Shell)";
const sshdEnds = systemd(`(?:Failed to start|Dependency failed for|Failed to listen on) ${sshd}`);
const sshdStarts = systemd(`(?:Started|Listening on) ${sshd}`);

/** The rows by which systemd says that sshd could not be started, the newest first, unless it was started later. */
function sshdFailures(rows: readonly string[]): string[] {
  const failures: string[] = [];
  for (const row of [...rows].reverse()) {
    if (says(row, sshdStarts)) break;
    if (says(row, sshdEnds)) failures.push(row);
  }
  return failures;
}

/** The newest row by which systemd says that sshd could not be started, unless it was started later; null without one. */
export const sshdFailure = (rows: readonly string[]): string | null =>
  sshdFailures(rows)[0] ?? null;

/** What systemd said, without stamp and mark; the journal's form keeps its writer, since one failure may be told in both. */
const sayings = /(?:systemd(?:\[1\])?: {0,9})?(?:Failed to|Dependency failed) .{1,200}/;

/** Whether these rows say of one unit of sshd twice that it could not be started, and do not say that it was started later. */
export function sshdFailedAgain(rows: readonly string[]): boolean {
  const said = sshdFailures(rows).map((row) => sayings.exec(row)?.[0] ?? row);
  return new Set(said).size < said.length;
}
