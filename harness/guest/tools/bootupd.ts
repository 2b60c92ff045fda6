/**
 * bootupd in the guest, and what it looks after: the EFI system partition. Parsers are pure, the reader runs the commands.
 * Facts: coreos/bootupd, `src/{bootupd,efi,model}.rs`; recorded from 0.2.35.
 */
import { z } from "zod";
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, mustExec, parseJson, requireSuccess } from "../guest-io.ts";

const metadata = z.object({ version: z.string() });

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
  readonly files: Readonly<Record<string, string>>;
}

export interface BootupdReader {
  /** Null where the image does not have bootupctl. */
  status(): Promise<BootupdStatus | null>;
  validate(): Promise<BootloaderValidation>;
  /** `bootupctl VERB`; returns its stdout. Throws CommandFailed. */
  run(verb: "update" | "adopt-and-update" | "migrate-static-grub-config"): Promise<string>;
  /** The payload that the booted image carries: path below EFI/ → sha256. */
  payload(): Promise<Readonly<Record<string, string>>>;
  /** All partitions of the EFI type. A machine without UEFI may have one too. */
  partitions(): Promise<readonly EfiPartition[]>;
}

/** UEFI specification, "Partition discovery": the type of an EFI system partition. */
const efiType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

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

/** `lsblk --list`: devices of the EFI type. */
export const parseEfiDevices = (text: string): string[] =>
  text.split("\n").flatMap((line) => {
    const [device, type] = line.trim().split(/\s+/);
    return device !== undefined && type?.toLowerCase() === efiType ? [device] : [];
  });

const namesAfter = (word: string, text: string): string[] =>
  [...text.matchAll(new RegExp(`^${word}: (.+)$`, "gm"))].map(([, name = ""]) => name);

/** Reads what `bootupctl validate` printed: faults on stderr, and exit code 1 (bootupd, `client_run_validate`). */
export function parseValidation(stderr: string, exitCode: number | null): BootloaderValidation {
  const changed = namesAfter("Changed", stderr);
  const removed = namesAfter("Removed", stderr);
  return { isValid: exitCode === 0, changed, removed, said: stderr };
}

/** bootupd in a guest. */
export function bootupdOf(io: GuestIo): BootupdReader {
  return {
    async status() {
      const result = await io.exec(commands.bootupdStatus);
      if (result.exitCode === 127) return null;
      const { stdout } = requireSuccess(io, result);
      const source = { command: commands.bootupdStatus, guest: io.name };
      return parseJson(hostStatus, source, stdout);
    },
    async validate() {
      const result = await io.exec(commands.bootupdValidate);
      const found = parseValidation(result.stderr, result.exitCode);
      if (found.isValid || found.changed.length + found.removed.length > 0) return found;
      throw new ExpectationFailed(
        `'bootupctl validate' in guest '${io.name}' failed and did not name a file.`,
        { details: { stderr: excerptStart(result.stderr, 1000) || "nothing" }, lookAt: io.lookAt },
      );
    },
    run: async (verb) => (await mustExec(io, commands.bootupd(verb))).stdout,
    payload: async () => parseHashes((await mustExec(io, commands.efiPayload)).stdout),
    async partitions() {
      const devices = parseEfiDevices((await mustExec(io, commands.partitionTypes)).stdout);
      const found: EfiPartition[] = [];
      for (const device of devices) {
        const { stdout } = await mustExec(io, commands.efiFiles(device));
        found.push({ device, files: parseHashes(stdout) });
      }
      return found;
    },
  };
}
