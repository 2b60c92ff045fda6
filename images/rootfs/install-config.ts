/**
 * What an image's configuration says of its installation: `bootc/install/*.toml`, `bootc/kargs.d/*.toml` (bootc,
 * crates/lib/src/install/config.rs and docs of kargs.d) and ostree's `prepare-root.conf` (ostree-prepare-root(1)).
 */
import { parse } from "smol-toml";
import { z } from "zod";
import { messageOf, UsageError } from "../../harness/base/errors.ts";

export interface ConfigFile {
  /** Absolute in the image. */
  readonly path: string;
  readonly text: string;
}

export interface InstallConfig {
  readonly files: readonly ConfigFile[];
  /** `ext4`, `xfs`, `btrfs`; null where the image leaves it to the caller. */
  readonly filesystem: string | null;
  readonly kargs: readonly string[];
  /** `grub`, `systemd`, `none`; null where bootc chooses. */
  readonly bootloader: string | null;
}

/** Unknown keys are left alone: bootc warns of them only. */
const installFile = z.object({
  install: z
    .object({
      "root-fs-type": z.string().optional(),
      filesystem: z
        .object({ root: z.object({ type: z.string().optional() }).optional() })
        .optional(),
      kargs: z.array(z.string()).optional(),
      bootloader: z.string().optional(),
      "match-architectures": z.array(z.string()).optional(),
    })
    .optional(),
});
const kargsFile = z.object({
  kargs: z.array(z.string()).optional(),
  "match-architectures": z.array(z.string()).optional(),
});

/**
 * Merges the files in the order of their names; a file for other architectures counts for nothing. Throws UsageError for
 * one that bootc could not read either.
 */
export function parseInstallConfig(
  files: readonly ConfigFile[],
  architecture: string,
): InstallConfig {
  const sections = files
    .map((file) => parseToml(file, installFile).install ?? {})
    .filter((section) => section["match-architectures"]?.includes(architecture) ?? true);
  const last = <T>(pick: (section: (typeof sections)[number]) => T | undefined): T | null =>
    sections.map(pick).findLast((value) => value !== undefined) ?? null;
  return {
    files,
    // The newer key wins over the older, whichever file it stands in.
    filesystem: last((one) => one.filesystem?.root?.type) ?? last((one) => one["root-fs-type"]),
    kargs: sections.flatMap(({ kargs }) => kargs ?? []),
    bootloader: last(({ bootloader }) => bootloader),
  };
}

/** Kernel arguments of `kargs.d`. Throws UsageError for a file that bootc could not read either. */
export const parseKargs = (files: readonly ConfigFile[], architecture: string): string[] =>
  files
    .map((file) => parseToml(file, kargsFile))
    .filter((file) => file["match-architectures"]?.includes(architecture) ?? true)
    .flatMap(({ kargs }) => kargs ?? []);

function parseToml<S extends z.ZodType>({ path, text }: ConfigFile, schema: S): z.output<S> {
  const malformed = (reason: string, cause?: unknown): UsageError =>
    new UsageError(`The file '${path}' of the image is malformed.`, {
      cause,
      details: { reason: reason.slice(0, 1000) },
    });
  let data: unknown;
  try {
    data = parse(text);
  } catch (cause) {
    throw malformed(messageOf(cause), cause);
  }
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw malformed(z.prettifyError(result.error));
}

/** Values of a file of `KEY=value` lines in `[sections]` (GKeyFile, os-release(5)), by `section.KEY`; a later one wins. */
export function parseKeyFile(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = "";
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    if (line.startsWith("[") && line.endsWith("]")) section = `${line.slice(1, -1)}.`;
    const equals = line.indexOf("=");
    if (equals < 1) continue;
    const value = line.slice(equals + 1).trim();
    values.set(section + line.slice(0, equals).trim(), unquote(value));
  }
  return values;
}

/** os-release(5) quotes as a shell does. */
function unquote(value: string): string {
  const quote = value[0];
  if (value.length < 2 || (quote !== '"' && quote !== "'") || !value.endsWith(quote)) return value;
  const inner = value.slice(1, -1);
  return quote === '"' ? inner.replaceAll(/\\(["$`\\])/g, "$1") : inner;
}
