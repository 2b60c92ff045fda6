/** Units in words a person reads, and branded strings that must not be swapped. */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** An OCI or file digest, `sha256:` and 64 hex digits. */
export type Digest = Branded<string, "Digest">;
/** The kernel's boot ID, `/proc/sys/kernel/random/boot_id`. */
export type BootId = Branded<string, "BootId">;

const digestShape = /^sha256:[0-9a-f]{64}$/;

/** Checks and brands a digest; throws a RangeError for anything else. */
export function asDigest(text: string): Digest {
  if (!digestShape.test(text))
    throw new RangeError(`Expected a digest "sha256:<64 hex>", got "${text.slice(0, 100)}".`);
  return text as Digest;
}

export const isDigest = (text: string): text is Digest => digestShape.test(text);

/** The digest in the short form people compare by eye: `sha256:0123456789ab`. */
export const shortDigest = (digest: string): string => digest.slice(0, "sha256:".length + 12);

/** `83.2 s`, `4 min 05 s`, `820 ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** `512 B`, `3.4 MiB`, `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Reads `500MiB`, `20GiB` or `20G` (both 1024³) into bytes; null when it is not a size. */
export function parseBytes(text: string): number | null {
  const [, value, unit = ""] =
    /^(\d{1,9}(?:\.\d{1,3})?) ?([KMGT]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
  if (value === undefined) return null;
  return Math.round(
    Number(value) * 1024 ** " KMGT".indexOf(unit === "" ? " " : unit.toUpperCase()),
  );
}

/** Longest timer there is: Node ends one that is longer at once. A little less than 25 days. */
export const longestTimerMs = 2 ** 31 - 1;
const longestDurationMs = 24 * 86_400_000;

/** Reads `90s`, `45m`, `1h30m`, `2h` into milliseconds; null when it is not a duration, or is one of more than 24 days. */
export function parseDuration(text: string): number | null {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text.trim());
  if (match === null || text.trim() === "") return null;
  const [, hours = "0", minutes = "0", seconds = "0"] = match;
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return ms <= longestDurationMs ? ms : null;
}

/** A duration as `parseDuration` reads it, in whole seconds: `1h30m`. */
export function durationWord(ms: number): string {
  const total = Math.round(ms / 1000);
  const parts = [
    [Math.floor(total / 3600), "h"],
    [Math.floor((total % 3600) / 60), "m"],
    [total % 60, "s"],
  ] as const;
  const word = parts.flatMap(([value, unit]) => (value === 0 ? [] : [`${value}${unit}`])).join("");
  return word === "" ? "0s" : word;
}

/** Now, in UTC to the second, as names of folders have it: `2026-11-27T09-52-25`. */
export const stampForName = (): string =>
  new Date().toISOString().slice(0, 19).replaceAll(":", "-");
