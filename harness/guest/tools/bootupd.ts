/**
 * bootupd in the guest, and what it looks after: the EFI system partition. Parsers are pure, the reader runs the commands.
 * Facts: coreos/bootupd, `src/{bootupd,efi,model}.rs`; recorded from 0.2.35.
 */
import { CannotTell, ExpectationFailed } from "../../base/errors.ts";
import type { CommandResult } from "../command.ts";
import { commands } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, mustExec, parseJson, requireSuccess } from "../guest-io.ts";
import { judgeService, type UpdateService, updateService, updateUnit } from "./bootupd-service.ts";
import { type BootupdStatus, componentLines, hostStatus } from "./bootupd-status.ts";
import { type EfiPartition, type EfiPayload, parseHashes, parsePayload } from "./efi-payload.ts";

/** What `bootupctl validate` found. */
export interface BootloaderValidation {
  readonly isValid: boolean;
  /** Paths below EFI/ on the EFI system partition. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** What it said, to be quoted. */
  readonly said: string;
}

export interface BootupdReader {
  /** Null where the image does not have bootupctl. */
  status(): Promise<BootupdStatus | null>;
  validate(): Promise<BootloaderValidation>;
  /** `bootupctl VERB`; returns its stdout. Throws CommandFailed. */
  run(verb: "update" | "adopt-and-update" | "migrate-static-grub-config"): Promise<string>;
  /** Whether it knows the verb that migrates old menus, which it has since coreos/bootupd#790 (January 2025) and does not list. */
  canMigrate(): Promise<boolean>;
  /** `bootupctl status` as a person reads it: its lines about components. */
  statusLines(): Promise<readonly string[]>;
  service(): Promise<UpdateService>;
  /**
   * Leaves the boot loader as bootupd's service does at each boot: nothing is done where it ran at this one; where the image does not
   * enable it, or its conditions are not met here, `bootupctl update` is called as a person would. Returns a line for the report.
   * `before` is the service in the image of before the upgrade. Throws ExpectationFailed where it is enabled and did not run, and where the upgrade has lost it.
   */
  afterBoot(before: UpdateService): Promise<string>;
  /** What the booted image carries for the boot loader that is installed. */
  payload(installed: string): Promise<EfiPayload>;
  /**
   * The first partition of the EFI type of each disk, as bootupd takes them. A machine without UEFI may have one too. bootupd looks
   * for them on all disks that carry /boot or, where that is not a mount, /sysroot (bootc, `blockdev`, find_colocated_esps).
   */
  partitions(): Promise<readonly EfiPartition[]>;
}

/** UEFI specification, "Partition discovery": the type of an EFI system partition. */
const efiType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/** Types that bootupd takes for it on a disk with an MBR, as raw disks for boards have it (bootc, `blockdev`). */
const mbrTypes = ["0x6", "0x06", "0xef"];

/** `lsblk --pairs`: the first partition of the EFI type of each disk, by the disk's name. */
export function parseEfiDevices(
  text: string,
): { readonly disk: string; readonly device: string }[] {
  const first = new Map<string, string>();
  for (const line of text.split("\n")) {
    const { NAME, PKNAME, PTTYPE, PARTTYPE } = Object.fromEntries(
      [...line.matchAll(/(?<!\w)(\w{1,40})="([^"]*)"/g)].map(([, key = "", value = ""]) => [
        key,
        value,
      ]),
    ) as Record<string, string | undefined>;
    const type = PARTTYPE?.toLowerCase() ?? "";
    const isEfi = PTTYPE === "dos" ? mbrTypes.includes(type) : type === efiType;
    const disk = PKNAME ?? "";
    if (isEfi && NAME !== undefined && !first.has(disk)) first.set(disk, NAME);
  }
  return [...first].map(([disk, device]) => ({ disk, device }));
}

/**
 * Paths below EFI/. Where the payload lies in /usr/lib/efi they are told below that: `grub2/2.14-4/EFI/fedora/grubx64.efi`
 * (seen with 0.3.2).
 */
const namesAfter = (word: string, text: string): string[] => {
  const rows = text.matchAll(new RegExp(`^${word}: (?:.+/EFI/)?(.+)$`, "gm"));
  // A file of two partitions is told twice.
  return [...new Set([...rows].map(([, name = ""]) => name))];
};

/** Reads what `bootupctl validate` printed: faults on stderr, and exit code 1 (bootupd, `client_run_validate`). */
export function parseValidation(stderr: string, exitCode: number | null): BootloaderValidation {
  const changed = namesAfter("Changed", stderr);
  const removed = namesAfter("Removed", stderr);
  return { isValid: exitCode === 0, changed, removed, said: stderr };
}

/**
 * bootupctl runs itself as the unit bootupd.service. Where an earlier call still has that name, which the harness may have
 * given up, nothing is known of the image.
 */
function unlessTaken(result: CommandResult): CommandResult {
  if (/bootupd\.service .{0,40}already|bootupd\.service already/.test(result.stderr))
    throw new CannotTell(
      "bootupd is still at work for an earlier call, so it could not be asked.",
      {
        details: { stderr: excerptStart(result.stderr, 500) },
      },
    );
  return result;
}

/** bootupd in a guest. */
export function bootupdOf(io: GuestIo): BootupdReader {
  const run: BootupdReader["run"] = async (verb) =>
    requireSuccess(io, unlessTaken(await io.exec(commands.bootupd(verb)))).stdout;
  const status = async (): Promise<BootupdStatus | null> => {
    const result = unlessTaken(await io.exec(commands.bootupdStatus));
    if (result.exitCode === 127) return null;
    const { stdout } = requireSuccess(io, result);
    const source = { command: commands.bootupdStatus, guest: io.name };
    return parseJson(hostStatus, source, stdout);
  };
  return {
    status,
    async validate() {
      const result = unlessTaken(await io.exec(commands.bootupdValidate));
      const found = parseValidation(result.stderr, result.exitCode);
      if (found.isValid || found.changed.length + found.removed.length > 0) return found;
      throw new ExpectationFailed(
        `'bootupctl validate' in guest '${io.name}' failed and did not name a file.`,
        { details: { stderr: excerptStart(result.stderr, 1000) || "nothing" }, lookAt: io.lookAt },
      );
    },
    run,
    async canMigrate() {
      const told = unlessTaken(
        await io.exec(commands.bootupd("migrate-static-grub-config --help")),
      );
      // 2 is what an unknown word on its command line ends with (clap).
      if (told.exitCode === 2) return false;
      requireSuccess(io, told);
      return true;
    },
    statusLines: async () =>
      componentLines(
        requireSuccess(io, unlessTaken(await io.exec(commands.bootupd("status")))).stdout,
      ),
    service: () => updateService(io),
    async afterBoot(before) {
      const EFI = (await status())?.components["EFI"];
      const said = judgeService(io, {
        before,
        now: await updateService(io),
        isDue: EFI?.updatable === "upgradable",
      });
      if (said === null) return `${updateUnit} ran at this boot.`;
      await run("update");
      return `${updateUnit} ${said}: 'bootupctl update' was called.`;
    },
    payload: async (installed) =>
      parsePayload((await mustExec(io, commands.efiPayload)).stdout, installed),
    async partitions() {
      const devices = parseEfiDevices((await mustExec(io, commands.partitionTypes)).stdout);
      const root = (await mustExec(io, commands.underBoot("NAME"))).stdout
        .split("\n")
        .filter(Boolean);
      const found: EfiPartition[] = [];
      for (const { disk, device } of devices) {
        // Where nobody can tell what the root lies on, no partition is left out.
        const isOurs = root.length === 0 || root.includes(disk);
        const told = await io.exec(commands.efiFiles(device));
        // Another system's may be of any kind, or of none.
        if (told.exitCode !== 0 && !isOurs) continue;
        const { stdout } = requireSuccess(io, told);
        found.push({ device, isOurs, files: parseHashes(stdout) });
      }
      return found;
    },
  };
}
