/**
 * bootupd in the guest, and what it looks after: the EFI system partition. Parsers are pure, the reader runs the commands.
 * Facts: coreos/bootupd, `src/{bootupd,efi,model}.rs`; recorded from 0.2.35.
 */
import { z } from "zod";
import { CannotTell, ExpectationFailed, quoting } from "../../base/errors.ts";
import type { CommandResult } from "../command.ts";
import { commands } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, mustExec, parseJson, requireSuccess } from "../guest-io.ts";
import { parseBlocks } from "./properties.ts";

const metadata = z.object({
  version: z.string(),
  versions: z.array(z.object({ name: z.string(), rpm_evr: z.string() })).nullish(),
});

/** `bootupctl status --json` on a host; in a container its shape is another. */
const hostStatus = z.object({
  components: z.record(
    z.string(),
    z.object({
      installed: metadata,
      interrupted: metadata.nullish(),
      update: metadata.nullish(),
      updatable: z.enum([
        "no-update-available",
        "at-latest-version",
        "upgradable",
        "would-downgrade",
      ]),
    }),
  ),
  adoptable: z.record(z.string(), z.unknown()).default({}),
});

export type BootupdStatus = z.output<typeof hostStatus>;

/** What `bootupctl validate` found. */
export interface BootloaderValidation {
  readonly isValid: boolean;
  /** Paths below EFI/ on the EFI system partition. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** What it said, to be quoted. */
  readonly said: string;
}

/** An EFI system partition with its files: path below EFI/ → sha256. */
export interface EfiPartition {
  readonly device: string;
  /** On a disk that the system's root lies on: what bootupd looks after. One of another disk is somebody else's. */
  readonly isOurs: boolean;
  readonly files: Readonly<Record<string, string>>;
}

export interface BootupdReader {
  /** Null where the image does not have bootupctl. */
  status(): Promise<BootupdStatus | null>;
  validate(): Promise<BootloaderValidation>;
  /** `bootupctl VERB`; returns its stdout. Throws CommandFailed. */
  run(verb: "update" | "adopt-and-update" | "migrate-static-grub-config"): Promise<string>;
  /**
   * Leaves the boot loader as bootupd's service does at each boot: nothing is done where it ran at this one; where the image does not
   * enable it, or its conditions are not met here, `bootupctl update` is called as a person would. Presets may have enabled it, so systemd is asked and not its files.
   * Returns a line for the report. Throws ExpectationFailed where it is enabled and did not run.
   */
  afterBoot(): Promise<string>;
  /**
   * The payload that the booted image carries for the boot loader that is installed (`grub2`, `grub-cc`, `systemd-boot`: of the
   * others bootupd installs nothing): path below EFI/ → sha256.
   */
  payload(installed: string): Promise<Readonly<Record<string, string>>>;
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

/** bootupd's own names of boot loaders (`src/bootloader.rs`, efi_component_name). */
const loaders = ["grub2", "grub-cc", "systemd-boot"];

/** sha256sum(1): a name with odd characters is escaped, and marked by a backslash before the hash. */
const hashLine = /^\\?([0-9a-f]{64}) [ *](?:\.\/)?(.+)$/;

/** Lines of `sha256sum`: path → hash. */
export function parseHashes(text: string): Record<string, string> {
  const found = text.split("\n").flatMap((line) => {
    const [, hash, path] = hashLine.exec(line) ?? [];
    return hash === undefined || path === undefined ? [] : [[path, hash] as const];
  });
  return Object.fromEntries(found);
}

/** Hashes below `<component>/<version>/EFI/`, or `EFI/` in the old layout: what belongs to no other boot loader than the installed one. */
export function parsePayload(text: string, installed: string): Record<string, string> {
  const names = installed.split(",").map((name) => name.trim());
  const isOther = (component: string): boolean =>
    loaders.includes(component) && !names.some((name) => name.startsWith(`${component}-`));
  const found = Object.entries(parseHashes(text)).flatMap(([whole, hash]) => {
    const [, component = "", path] = /^(?:([^/]+)\/[^/]+\/)?EFI\/(.+)$/.exec(whole) ?? [];
    return path === undefined || isOther(component) ? [] : [[path, hash] as const];
  });
  return Object.fromEntries(found);
}

/** What of a payload is not on a partition, or is another there: paths below EFI/. */
export const differences = (
  payload: Readonly<Record<string, string>>,
  { files }: EfiPartition,
): string[] => Object.keys(payload).filter((path) => files[path] !== payload[path]);

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

const unit = "bootloader-update.service";

/** bootupd in a guest. */
export function bootupdOf(io: GuestIo): BootupdReader {
  const run: BootupdReader["run"] = async (verb) =>
    requireSuccess(io, unlessTaken(await io.exec(commands.bootupd(verb)))).stdout;
  return {
    async status() {
      const result = unlessTaken(await io.exec(commands.bootupdStatus));
      if (result.exitCode === 127) return null;
      const { stdout } = requireSuccess(io, result);
      const source = { command: commands.bootupdStatus, guest: io.name };
      return parseJson(hostStatus, source, stdout);
    },
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
    async afterBoot() {
      // The time is zero where it never ran (org.freedesktop.systemd1(5)).
      const properties =
        "ExecMainStartTimestampMonotonic,UnitFileState,ActiveState,ConditionResult,ConditionTimestampMonotonic";
      const asked = commands.unitProperties(properties, [unit]);
      const [told = {}] = parseBlocks((await mustExec(io, asked)).stdout);
      if (Number(told["ExecMainStartTimestampMonotonic"]) > 0) return `${unit} ran at this boot.`;
      const isEnabled = /^enabled(?:-runtime)?$/.test(told["UnitFileState"] ?? "");
      // A condition may be one that a virtual machine does not meet (systemd.unit(5)); before it is looked at, its time is zero.
      const isAllowed =
        told["ConditionResult"] !== "no" || !(Number(told["ConditionTimestampMonotonic"]) > 0);
      if (isEnabled && isAllowed)
        throw new ExpectationFailed(
          quoting`${unit} is enabled in guest '${io.name}' and did not run at this boot.`,
          {
            details: {
              "state of the unit": excerptStart(told["ActiveState"] ?? "", 100) || undefined,
            },
            lookAt: io.lookAt,
          },
        );
      await run("update");
      const why = isEnabled ? "did not meet its conditions" : "is not enabled in this image";
      return `${unit} ${why}: 'bootupctl update' was called.`;
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
