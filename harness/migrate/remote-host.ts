/**
 * A host that is named by `ssh://user@host:port`, and what one command there printed. Pure: who asks it runs the person's own ssh
 * client, so that keys, agents, jump hosts and known hosts are as that person has them (ssh_config(5)).
 */
import { CannotTell, UsageError } from "../base/errors.ts";
import { oneLine } from "../log/clean-text.ts";
import type { Slot } from "./migrate-plan.ts";

export interface RemoteHost {
  readonly user: string | null;
  readonly host: string;
  readonly port: number | null;
  /** As it was typed, for messages. */
  readonly name: string;
}

/** Nothing that begins like an option, and nothing that a shell or ssh's configuration would take for more than a name. */
const form =
  /^ssh:\/\/(?:([A-Za-z0-9_][A-Za-z0-9._+-]{0,63})@)?(?:\[([0-9A-Fa-f:.%A-Za-z]{2,100})\]|([A-Za-z0-9][A-Za-z0-9._-]{0,252}))(?::(\d{1,5}))?\/?$/;

/** Whether a source is meant to be such a host. */
export const isRemote = (source: string): boolean => source.startsWith("ssh://");

/** Reads the name. Throws UsageError for what is not one. */
export function parseRemote(source: string): RemoteHost {
  const [, user, address, name, digits] = form.exec(source) ?? [];
  const host = address ?? name;
  const port = digits === undefined ? null : Number(digits);
  if (host === undefined || (port !== null && (port < 1 || port > 65_535)))
    throw new UsageError(`'${oneLine(source, 200)}' does not name a host.`, {
      details: {
        expected:
          "ssh:// and a host; a user may stand before it with @, a port behind it with a colon, a password and a path may not",
      },
    });
  return { user: user ?? null, host, port, name: source };
}

/** Between the two answers; no JSON has it outside of an escape (RFC 8259, section 7). */
const separator = "\x1e";

/**
 * One login for all questions. sh, since a login shell can be any; what the last says of its errors does not count. The arguments of the
 * booted deployment are the kernel's own word (proc_cmdline(5)): `rpm-ostree kargs` tells those of the deployment that boots next.
 */
const remoteCommand = `sh -c 'LC_ALL=C; export LC_ALL; printf "\\\\036"; rpm-ostree status --json || exit $?; printf "\\\\036"; cat /proc/cmdline; printf "\\\\036"; rpm-ostree kargs 2>/dev/null || :'`;

/**
 * The client's words. It must not ask, since nobody may be there to answer; it must not leave a connection for others behind, whatever its
 * configuration says of sharing (ssh_config(5), ControlPersist), and opens no forwardings.
 */
export const sshWords = ({ user, host, port }: RemoteHost): string[] => [
  ...["-n", "-T", "-x", "-a"],
  ...["BatchMode=yes", "ControlMaster=no", "ClearAllForwardings=yes", "PermitLocalCommand=no"]
    .concat(["RemoteCommand=none", "ConnectTimeout=30", "ServerAliveInterval=15", "LogLevel=ERROR"])
    .flatMap((option) => ["-o", option]),
  ...(port === null ? [] : ["-p", String(port)]),
  ...(user === null ? [] : ["-l", user]),
  ...["--", host, remoteCommand],
];

export interface RemoteAnswer {
  /** JSON of `rpm-ostree status`. */
  readonly status: string;
  /** Kernel arguments by the deployment that they are of; null where the host did not tell. */
  readonly kargs: Readonly<Record<Slot, string | null>>;
}

/** What ssh says of a connection that did not come about, and what a person can do. */
const troubles: readonly (readonly [words: RegExp, headline: string, toDo: string])[] = [
  [
    /could not resolve hostname/i,
    "cannot be found: its name does not resolve",
    "look at the name, or at HostName in ~/.ssh/config",
  ],
  [
    /host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/i,
    "shows a host key that this user does not know it by",
    "connect once by ssh, and compare the key",
  ],
  [
    /permission denied|too many authentication failures/i,
    "does not let this user in by key",
    "try `ssh` by hand; a password is not asked for, so load the key into an agent where it has a passphrase",
  ],
  [
    /connection refused/i,
    "refuses the connection: nothing listens on that port",
    "look at the port, and whether sshd runs there",
  ],
  [
    /timed out|no route to host|network is unreachable/i,
    "does not answer",
    "look at the address, and at firewalls on the way",
  ],
];

/** ssh(1), EXIT STATUS: its own errors; all others are the remote command's. */
const sshFailed = 255;

/**
 * Reads how ssh ended. Throws CannotTell for a host that was not reached, or that could not be asked; UsageError for one that does not have
 * rpm-ostree: there is nothing to plan for.
 */
export function readAnswer(
  { name }: RemoteHost,
  { exitCode, stdout, stderr }: { exitCode: number; stdout: string; stderr: string },
): RemoteAnswer {
  const said = oneLine(stderr.trim(), 500) || "nothing";
  if (exitCode === sshFailed) {
    const [, headline, toDo] = troubles.find(([words]) => words.test(stderr)) ?? [];
    throw new CannotTell(`The host '${name}' ${headline ?? "could not be asked over SSH"}.`, {
      details: { said, "to do": toDo ?? "try `ssh` by hand" },
    });
  }
  if (exitCode === 127)
    throw new UsageError(`The host '${name}' does not have rpm-ostree.`, {
      details: { said, why: "what is layered by it is what a plan is about" },
    });
  if (exitCode !== 0)
    throw new CannotTell(
      `'rpm-ostree status' on the host '${name}' ended with exit code ${exitCode}.`,
      {
        details: { said },
      },
    );
  // A login shell may print something first (a message of the day).
  const [, status = "", booted = "", next = ""] = stdout.split(separator);
  const told = (words: string): string | null => (words.trim() === "" ? null : words);
  return { status, kargs: { booted: told(booted), next: told(next) } };
}
