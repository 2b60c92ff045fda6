/**
 * rpm-ostree as stories and `migrate-plan` see it. The schema follows what rpm-ostree's daemon puts into `status --json`
 * (`src/daemon/rpmostreed-deployment-utils.cxx`, and for local files `rust/src/deployment_utils.rs`): unknown keys are ignored,
 * what older versions lack is defaulted, and lists are limited, since a guest can print anything.
 */
import { z } from "zod";
import { commands } from "../commands.ts";
import { type GuestIo, parseJson, requireSuccess } from "../guest-io.ts";
import { packageName } from "./nevra.ts";

/** A list of more packages than any release has was not printed by rpm-ostree. */
const maxItems = 5_000;
const maxText = 1_000;

const text = z.string().max(maxText);
const orNull = <T extends z.ZodType>(schema: T) => schema.nullish().transform((got) => got ?? null);
const words = z
  .array(text)
  .max(maxItems)
  .nullish()
  .transform((list) => list ?? []);
const flag = z
  .boolean()
  .nullish()
  .transform((got) => got ?? false);

/**
 * A package as the daemon tells it: `[nevra, name, epoch, version, release, arch]`, a pair of two such rows (the new one and
 * the one it replaces), or the name alone. What counts here is the first text.
 */
const nameOfRow = (row: unknown): string | null => {
  const first = Array.isArray(row) ? row[0] : row;
  const inner = Array.isArray(first) ? first[0] : first;
  return typeof inner === "string" ? inner.slice(0, maxText) : null;
};
const rows = z
  .array(z.unknown())
  .max(maxItems)
  .nullish()
  .transform((list) => list?.map(nameOfRow).filter((name) => name !== null) ?? null);

/** Where a replacement comes from (`repo=NAME` and the like) → packages. */
const bySource = z
  .record(text, z.unknown())
  .nullish()
  .transform((sources) =>
    Object.entries(sources ?? {})
      .slice(0, maxItems)
      .map(([source, packages]) => ({
        source,
        packages: (Array.isArray(packages) ? packages.slice(0, maxItems) : [packages])
          .map(nameOfRow)
          .filter((name) => name !== null),
      })),
  );

const deployment = z
  .object({
    id: text.default(""),
    osname: text.default(""),
    checksum: text,
    serial: z.number().int().default(0),
    booted: flag,
    staged: flag,
    pinned: flag,
    /** `none`, `development`, `hotfix` or `transient`. */
    unlocked: orNull(text),
    version: orNull(text),
    "base-version": orNull(text),
    "base-checksum": orNull(text),
    /** `remote:ref` of a pure ostree system. */
    origin: orNull(text),
    "container-image-reference": orNull(text),
    "container-image-reference-digest": orNull(text),
    "requested-packages": words,
    /** What is really layered: a requested package that the base has is not among them. Null where it was not told. */
    packages: z
      .array(text)
      .max(maxItems)
      .nullish()
      .transform((list) => list ?? null),
    "requested-local-packages": words,
    "requested-local-fileoverride-packages": words,
    "requested-base-removals": words,
    /** What was done of them. Null where it was not told. */
    "base-removals": rows,
    "requested-base-local-replacements": words,
    "base-local-replacements": rows,
    "requested-base-remote-replacements": bySource,
    "base-remote-replacements": bySource,
    "regenerate-initramfs": flag,
    "initramfs-args": words,
    "initramfs-etc": words,
    /** Of versions before modules were given up. */
    "requested-modules": words,
    modules: words,
    "requested-modules-enabled": words,
    cliwrap: flag,
    /** Checksums of what was applied live, and of what was being applied when it was cut off. */
    "live-replaced": orNull(text),
    "live-inprogress": orNull(text),
  })
  .transform((got) => ({ ...got, "base-version": got["base-version"] ?? got.version }));

/** `rpm-ostree status --json`. */
export const rpmOstreeStatus = z.object({
  deployments: z.array(deployment).min(1).max(100),
});

export type RpmOstreeStatus = z.output<typeof rpmOstreeStatus>;
export type RpmOstreeDeployment = RpmOstreeStatus["deployments"][number];

/** All that a person changed in a deployment through rpm-ostree. */
export interface LocalChanges {
  readonly packages: readonly string[];
  /** Those of `packages` that the base has anyway, so that nothing of them is layered. */
  readonly inactive: readonly string[];
  /** Those of `removals` and of `localReplacements` that nothing was done for: the base does not have the package, or has it so. */
  readonly inactiveOverrides: readonly string[];
  /** Installed from a file. */
  readonly localPackages: readonly string[];
  /** Installed from a file, over files of the base. */
  readonly fileOverrides: readonly string[];
  readonly removals: readonly string[];
  /** Packages of the base that were replaced from a file. */
  readonly localReplacements: readonly string[];
  /** Packages of the base that were replaced from a repository. */
  readonly remoteReplacements: readonly {
    readonly source: string;
    readonly packages: readonly string[];
  }[];
  readonly regenerateInitramfs: boolean;
  readonly initramfsArgs: readonly string[];
  /** Files of /etc that are put into the initramfs. */
  readonly initramfsEtc: readonly string[];
  readonly modules: readonly string[];
  readonly modulesEnabled: readonly string[];
  /** Whether `rpm-ostree cliwrap` put itself in front of rpm, dracut and others. */
  readonly cliwrap: boolean;
}

const distinct = (...lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())];

/** What was asked for without anything that was done for it; a removal is asked for by its name. Both lists have to be told. */
function inactiveOverrides(one: RpmOstreeDeployment): string[] {
  const [removed, replaced] = [one["base-removals"], one["base-local-replacements"]];
  const gone = removed?.flatMap((row) => [row, packageName(row)]);
  const others = replaced?.map(packageName);
  return [
    ...one["requested-base-removals"].filter((name) => gone?.includes(name) === false),
    ...one["requested-base-local-replacements"].filter(
      (nevra) => others?.includes(packageName(nevra)) === false,
    ),
  ];
}

/** The changes without overrides that nothing was done for. Pure. */
export function activeChanges(changes: LocalChanges): LocalChanges {
  const isActive = (name: string): boolean => !changes.inactiveOverrides.includes(name);
  return {
    ...changes,
    removals: changes.removals.filter(isActive),
    localReplacements: changes.localReplacements.filter(isActive),
  };
}

/** What of a deployment is the person's own. Pure. */
export function localChanges(one: RpmOstreeDeployment): LocalChanges {
  const { packages } = one;
  const requested = one["requested-packages"];
  // What was asked for is the wish; the names of what is there help where an older version does not tell the wish.
  const wished = (key: "removals" | "local-replacements"): readonly string[] => {
    const asked = one[`requested-base-${key}`];
    return asked.length > 0 ? asked : (one[`base-${key}`] ?? []);
  };
  const remote = one["requested-base-remote-replacements"];
  return {
    packages: distinct(requested, packages === null ? [] : packages),
    inactive: packages === null ? [] : requested.filter((name) => !packages.includes(name)),
    inactiveOverrides: inactiveOverrides(one),
    localPackages: one["requested-local-packages"],
    fileOverrides: one["requested-local-fileoverride-packages"],
    removals: wished("removals"),
    localReplacements: wished("local-replacements"),
    remoteReplacements: remote.length > 0 ? remote : one["base-remote-replacements"],
    regenerateInitramfs: one["regenerate-initramfs"],
    initramfsArgs: one["initramfs-args"],
    initramfsEtc: one["initramfs-etc"],
    modules: distinct(one["requested-modules"], one.modules),
    modulesEnabled: one["requested-modules-enabled"],
    cliwrap: one.cliwrap,
  };
}

/** One row for each kind of change that is there: what it is, and its names. Nothing where the deployment is as its base. */
export function changeRows(
  changes: LocalChanges,
): { readonly what: string; readonly names: readonly string[] }[] {
  const initramfs = [
    ...(changes.regenerateInitramfs ? ["made again on this machine"] : []),
    ...changes.initramfsArgs.map((word) => `argument ${word}`),
    ...changes.initramfsEtc.map((path) => `file ${path}`),
  ];
  const remote = changes.remoteReplacements.flatMap(({ source, packages }) =>
    packages.map((name) => `${name} (${source})`),
  );
  return [
    { what: "layered package", names: changes.packages },
    { what: "package from a file", names: changes.localPackages },
    { what: "package from a file that replaces files of the base", names: changes.fileOverrides },
    { what: "package removed from the base", names: changes.removals },
    { what: "package of the base replaced from a file", names: changes.localReplacements },
    { what: "package of the base replaced from a repository", names: remote },
    { what: "initramfs", names: initramfs },
    { what: "module", names: distinct(changes.modules, changes.modulesEnabled) },
    { what: "command wrapper", names: changes.cliwrap ? ["rpm-ostree cliwrap"] : [] },
  ].filter(({ names }) => names.length > 0);
}

/**
 * Whether bootc will call a deployment `incompatible`: it does where the origin has one of the groups `rpmostree`, `packages`,
 * `overrides` and `modules` (bootc, `crates/lib/src/status.rs`), which hold all of the changes above.
 */
export const isLayered = (changes: LocalChanges): boolean => changeRows(changes).length > 0;

export interface RpmOstreeReader {
  /** `rpm-ostree status --json`; null where the image does not have rpm-ostree. Throws ExpectationFailed for what is not its JSON. */
  status(): Promise<RpmOstreeStatus | null>;
  /** Runs a command that has to succeed; returns what it printed. */
  run(...words: readonly string[]): Promise<string>;
}

/** Resolving and committing a package takes long; with hardware acceleration. */
const changeTimeoutMs = 300_000;

/** rpm-ostree in a guest. */
export function rpmOstreeOf(io: GuestIo): RpmOstreeReader {
  return {
    async status() {
      const result = await io.exec(commands.rpmOstreeStatus);
      if (result.exitCode === 127) return null;
      const { stdout } = requireSuccess(io, result);
      const source = { command: commands.rpmOstreeStatus, guest: io.name };
      return parseJson(rpmOstreeStatus, source, stdout);
    },
    async run(...line) {
      const command = commands.rpmOstree(line);
      const result = await io.exec(command, { timeoutMs: changeTimeoutMs * io.timeScale });
      return requireSuccess(io, result).stdout;
    },
  };
}
