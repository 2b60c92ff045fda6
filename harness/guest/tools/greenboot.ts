/**
 * greenboot in a guest, in both of its dialects: scripts of bash (fedora-iot/greenboot, 0.15) and a program in Rust (fedora-iot/greenboot-rs,
 * 0.16). They have the folders of checks, the configuration and GRUB's counter in common, and differ in their units, in who counts the
 * first red boot and in where they tell people.
 */
import { commands } from "../commands.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";
import { createFiles } from "./files.ts";
import { parseBlocks } from "./properties.ts";

/** Folders of checks that an image ships. */
export const checkFolder = "/usr/lib/greenboot/check";
export const healthUnit = "greenboot-healthcheck.service";

const program = "/usr/libexec/greenboot/greenboot";
const configPath = "/etc/greenboot/greenboot.conf";
/** Of a message of the day (pam_motd(8)). 0.15 writes the first, 0.16 the second. */
const statusPaths = ["/run/motd.d/boot-status", "/etc/motd.d/boot-status"];
/** What either does without a configuration. */
const defaultAttempts = 3;

export type Dialect = "bash" | "rust";

/** What prepares the way back before an update boots, at the shutdown that makes the update the default. */
const arming = {
  bash: "greenboot-grub2-set-counter.service",
  rust: "greenboot-set-rollback-trigger.service",
} as const satisfies Record<Dialect, string>;

/** What 0.15 has besides: who tells GRUB of a good boot, who restarts after a red one, who makes the way back last. */
const further = [
  "greenboot-grub2-set-success.service",
  "redboot-auto-reboot.service",
  "greenboot-rpm-ostree-grub2-check-fallback.service",
];

export interface Greenboot {
  /** Null where it has neither unit that arms the way back. */
  readonly dialect: Dialect | null;
  /** Whether health checks run at boot. */
  readonly isEnabled: boolean;
  /** Units that it has, that a red boot is left by, and that are not enabled. */
  readonly idle: readonly string[];
  /** `GREENBOOT_MAX_BOOT_ATTEMPTS`. */
  readonly maxAttempts: number;
}

/** What the health check of a boot came to (systemd.exec(5), systemctl(1)). */
export interface HealthCheck {
  readonly state: string;
  readonly result: string;
}

export interface GreenbootReader {
  /** Null where the image does not have it. */
  found(): Promise<Greenboot | null>;
  check(): Promise<HealthCheck>;
  /** What it tells a person who logs in; null where it tells nothing. */
  status(): Promise<string | null>;
}

/** The setting of a configuration that the one dialect sources and the other reads as INI. The last line wins. Pure. */
export function parseMaxAttempts(text: string): number {
  const found = [...text.matchAll(/^\s*GREENBOOT_MAX_BOOT_ATTEMPTS\s*=\s*["']?(\d{1,5})\b/gm)].at(
    -1,
  );
  return found === undefined ? defaultAttempts : Number(found[1]);
}

/**
 * How many boots a red deployment has. 0.15 sets the counter before the first of them, and GRUB takes one from it at each; 0.16 sets it
 * in the first, after its checks have failed there (`src/main.rs`, "First health check failure").
 */
export const statedBoots = ({ dialect, maxAttempts }: Greenboot): number =>
  dialect === "bash" ? maxAttempts : maxAttempts + 1;

/** Reads blocks of `systemctl show` with Id, LoadState and UnitFileState. Pure. */
export function parseGreenbootUnits(text: string): Omit<Greenboot, "maxAttempts"> {
  const units = new Map(parseBlocks(text).map((block) => [block["Id"] ?? "", block]));
  const isThere = (unit: string): boolean => units.get(unit)?.["LoadState"] === "loaded";
  const isOn = (unit: string): boolean =>
    isThere(unit) && /^enabled/.test(units.get(unit)?.["UnitFileState"] ?? "");
  const dialect = isThere(arming.rust) ? "rust" : isThere(arming.bash) ? "bash" : null;
  const needed =
    dialect === "bash" ? [arming.bash, ...further] : dialect === "rust" ? [arming.rust] : [];
  return {
    dialect,
    isEnabled: isOn(healthUnit),
    // One that is masked is there, too, and does not run.
    idle: needed.filter(
      (unit) => !isOn(unit) && (units.get(unit)?.["LoadState"] ?? "not-found") !== "not-found",
    ),
  };
}

/** greenboot in a guest. */
export function greenbootOf(io: GuestIo): GreenbootReader {
  const files = createFiles(io);
  const show = async (properties: string, units: readonly string[]): Promise<string> =>
    (await mustExec(io, commands.unitProperties(properties, units))).stdout;
  return {
    async found() {
      if ((await io.exec(commands.isFile(program))).exitCode !== 0) return null;
      const asked = [healthUnit, ...Object.values(arming), ...further];
      const units = parseGreenbootUnits(await show("Id,LoadState,UnitFileState", asked));
      return { ...units, maxAttempts: parseMaxAttempts((await files.read(configPath)) ?? "") };
    },
    async check() {
      const [block] = parseBlocks(await show("Id,ActiveState,Result", [healthUnit]));
      return { state: block?.["ActiveState"] ?? "unknown", result: block?.["Result"] ?? "unknown" };
    },
    async status() {
      const texts = await Promise.all(statusPaths.map((path) => files.read(path)));
      const told = texts.filter((text) => text !== null).join("\n");
      return told.trim() === "" ? null : told;
    },
  };
}
