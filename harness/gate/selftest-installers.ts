/**
 * Installers that cannot succeed, each with the reason that has to be told and whose fault it is. The image is to blame for
 * one of them only: a kickstart is its author's, a small disk the host's, and a registry that is gone nobody's.
 */
import type { SelftestCase } from "./selftest-case.ts";

const boots = /^boots the candidate$/;

type Wrong = Pick<SelftestCase, "name" | "install" | "suite"> & {
  readonly outcome: "failed" | "broken";
  /** Class of the error: whose fault it is. */
  readonly type: string;
  readonly message: RegExp;
};

const wrong: readonly Wrong[] = [
  {
    name: "an installer does not know a command of the kickstart",
    install: { kickstart: "unknown-command" },
    outcome: "broken",
    type: "UsageError",
    message:
      /problem occurred on line 10 of the kickstart file: Unknown command: ostreecontainr[\s\S]*does not accept its kickstart/,
  },
  {
    name: "the disk is too small for the installer",
    install: { diskSizeMiB: 2048 },
    outcome: "broken",
    type: "HostUnfit",
    message: /too small for what the kickstart asks for[\s\S]*2048 MiB[\s\S]*--disk-size/,
  },
  {
    name: "an installer cannot make the file system of the kickstart",
    install: { kickstart: "no-file-system" },
    outcome: "broken",
    type: "UsageError",
    message: /The "f2fs" file system type is not supported[\s\S]*cannot make/,
    suite: "full",
  },
  {
    name: "an installer finds no signature on its image",
    install: { kickstart: "unsigned" },
    outcome: "failed",
    type: "ExpectationFailed",
    message: /A signature was required, but no signature exists/,
    suite: "full",
  },
  {
    name: "an installer finds a signature by another key on its image",
    install: { kickstart: "wrong-key" },
    outcome: "failed",
    type: "ExpectationFailed",
    message: /cryptographic signature verification failed/,
    suite: "full",
  },
  {
    name: "a script of an installer fails",
    install: { kickstart: "script-fails" },
    outcome: "broken",
    type: "UsageError",
    message: /error running the kickstart script at line 12[\s\S]*nothing is as it should be/,
    suite: "full",
  },
  {
    name: "the registry of an installer is gone",
    install: { kickstart: "registry-gone" },
    outcome: "broken",
    type: "CannotTell",
    message: /could not be reached/,
    suite: "full",
  },
  {
    name: "an installer runs out of space",
    install: { kickstart: "no-space" },
    outcome: "broken",
    type: "HostUnfit",
    message: /the disk that it was given is full/,
    suite: "full",
  },
  {
    name: "a script of an installer hangs",
    install: { kickstart: "post-hangs", stillSeconds: 90 },
    outcome: "broken",
    type: "CannotTell",
    message: /stood still\.[\s\S]*stage +post/,
    suite: "full",
  },
];

export const installerCases: readonly SelftestCase[] = wrong.map(
  ({ outcome, type, message, ...rest }) => ({
    ...rest,
    images: { candidate: "reference-installer" },
    scenario: "install/kickstart",
    expect: { outcome, type, message, step: boots },
  }),
);
