/**
 * A guest is the system under test, reached over SSH. Reading a scenario should need no manual: methods are sentences
 * about the guest, `run` throws, `attempt` returns. Every `${value}` in a command is quoted as exactly one argument.
 */

import type { Image } from "../../images/image.ts";
import type { CommandValue } from "../base/quote.ts";
import type { CommandResult } from "./command.ts";
import type { GuestIo } from "./guest-io.ts";
import type { GuestMachine } from "./guest-machine.ts";
import type { Backend } from "./tools/backend.ts";
import type { BootcCommands } from "./tools/bootc.ts";
import type { DeploymentsExpectation } from "./tools/deployments.ts";
import type { GuestFiles } from "./tools/files.ts";
import type { OstreeReader } from "./tools/ostree.ts";
import type { SystemdReader } from "./tools/systemd.ts";

export interface Guest extends GuestIo, AsyncDisposable {
  readonly image: Image;
  /** Runs a command that has to succeed; returns stdout without the final newline. Throws CommandFailed. */
  run(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<string>;
  /** Runs a command and returns how it ended. */
  attempt(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<CommandResult>;
  /** `systemctl reboot`, then proof: another boot ID over a new connection. */
  reboot(): Promise<void>;
  /** Runs a command that ends in a reboot of its own making, with the same proof. Throws CommandFailed where it fails first. */
  rebootBy(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<void>;
  /** `systemctl soft-reboot`, then proof: the manager has counted one more, and the boot ID is the same. */
  softReboot(): Promise<void>;
  /** Runs a command that ends in a soft reboot of its own making, with the same proof. */
  softRebootBy(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<void>;
  /** The kernel's boot ID. */
  bootId(): Promise<string>;
  /** The arguments that the kernel was booted with (proc_cmdline(5)). */
  kernelArguments(): Promise<readonly string[]>;
  /** What keeps the deployments. Throws ExpectationFailed where the system is neither bootc's nor ostree's. */
  backend(): Promise<Backend>;
  /** Compares digests of all three slots at once, so that what must be absent is checked too. */
  expectDeployments(expected: DeploymentsExpectation): Promise<void>;
  /** For what the harness asks before a story: over the root channel where that answers. */
  readonly aside: GuestIo;
  /** Power and keys. */
  readonly machine: GuestMachine;
  readonly bootc: BootcCommands;
  readonly systemd: SystemdReader;
  readonly ostree: OstreeReader;
  readonly files: GuestFiles;
}
