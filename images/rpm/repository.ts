/**
 * Repositories of real RPM packages: built by rpmbuild from specs of our own, with metadata by createrepo_c, without root and
 * within seconds. The same host programs make the same bytes. Kept in the cache by what goes into them.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { HostUnfit } from "../../harness/base/errors.ts";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { Shelf } from "../../harness/base/shelf.ts";
import { waitWords } from "../../harness/base/wait-words.ts";
import { RPM_HOST_PACKAGES } from "./host-packages.ts";
import { type RpmPackage, specOf } from "./packages.ts";

export interface RepositoryOptions {
  /** Repositories are kept below it, in `rpm-repositories`. */
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Raise it when the same specs are built in another way. */
const ruleNumber = 1;

/** Seconds since the epoch: when all packages were built, as they say. */
const builtAt = 1_767_225_600;

const buildTimeoutMs = 120_000;
const schema = z.strictObject({ version: z.literal(1) });

const macros = {
  // rpmbuild's own names differ between distributions, in folders and in the compressor of the payload.
  _build_name_fmt: "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
  _binary_payload: "w6.gzdio",
  _buildhost: "bootgate",
  // Scripts of the distribution that strip programs and compress manuals.
  __os_install_post: "%{nil}",
  debug_package: "%{nil}",
  dist: "%{nil}",
  use_source_date_epoch_as_buildtime: "1",
  clamp_mtime_to_source_date_epoch: "1",
  build_mtime_policy: "clamp_to_source_date_epoch",
} as const;

/** The version of a program of the host. Throws HostUnfit with the packages that have it. */
async function versionOf(program: string, signal: AbortSignal): Promise<string> {
  try {
    return (await attemptCommand(program, ["--version"], { signal, timeoutMs: 20_000 })).stdout;
  } catch (cause) {
    signal.throwIfAborted();
    throw new HostUnfit(`This host cannot make RPM packages: '${program}' cannot be run.`, {
      cause,
      details: {
        Debian: `packages ${RPM_HOST_PACKAGES.apt.join(" ")}`,
        Fedora: `packages ${RPM_HOST_PACKAGES.dnf.join(" ")}`,
      },
      lookAt: "npm run -s bootgate -- doctor",
    });
  }
}

/** A spec file by the name of its package. */
export interface RpmSpec {
  readonly name: string;
  readonly text: string;
}

/**
 * Builds packages into a folder, which is there. Throws HostUnfit where the host lacks rpmbuild, or it fails. `architecture` is that of
 * packages which are not for every one.
 */
export async function buildSpecs(
  folder: string,
  specs: readonly RpmSpec[],
  { signal, architecture }: { readonly signal: AbortSignal; readonly architecture?: string },
): Promise<void> {
  await versionOf("rpmbuild", signal);
  const work = join(folder, "work");
  await mkdir(work);
  // The user's own macros must not come in (rpmbuild(8): $HOME/.rpmmacros).
  const env = { HOME: work, LC_ALL: "C", SOURCE_DATE_EPOCH: String(builtAt) };
  const options = { env, signal, timeoutMs: buildTimeoutMs };
  const places = { _topdir: work, _rpmdir: folder, _tmppath: work, _dbpath: join(work, "db") };
  const defines = Object.entries({ ...macros, ...places }).flatMap(([name, value]) => [
    "--define",
    `${name} ${value}`,
  ]);
  const target = architecture === undefined ? [] : ["--target", architecture];
  for (const { name, text } of specs) {
    const spec = join(work, `${name}.spec`);
    await writeFile(spec, text);
    await runCommand("rpmbuild", ["-bb", "--quiet", ...target, ...defines, spec], options);
  }
  await rm(work, { recursive: true });
}

async function build(
  folder: string,
  packages: readonly RpmPackage[],
  signal: AbortSignal,
): Promise<void> {
  const specs = packages.map((rpm) => ({ name: `${rpm.name}-${rpm.version}`, text: specOf(rpm) }));
  await buildSpecs(folder, specs, { signal });
  const options = { env: { LC_ALL: "C" }, signal, timeoutMs: buildTimeoutMs };
  for (const name of await readdir(folder)) await utimes(join(folder, name), builtAt, builtAt);
  const same = ["--revision=1", "--set-timestamp-to-revision", "--no-database"];
  await runCommand("createrepo_c", ["--quiet", ...same, folder], options);
}

/**
 * The folder of a repository with these packages: `NAME-VERSION-1.noarch.rpm` and `repodata`. Throws HostUnfit where the host
 * lacks the programs, or they fail.
 */
export async function provideRepository(
  packages: readonly RpmPackage[],
  { cacheDir, signal, onProgress = () => undefined }: RepositoryOptions,
): Promise<string> {
  const programs = [await versionOf("rpmbuild", signal), await versionOf("createrepo_c", signal)];
  const parts = [ruleNumber, builtAt, macros, programs, packages.map(specOf)];
  const shelf = new Shelf({ cacheDir, name: "rpm-repositories", schema });
  const { path } = await shelf.provide(
    createHash("sha256").update(JSON.stringify(parts)).digest("hex"),
    {
      what: "a repository of RPM packages",
      signal,
      onWait: (holder) => onProgress(waitWords(holder, "builds RPM packages")),
      fill: async (draft) => {
        await build(draft, packages, signal);
        return { version: 1 };
      },
    },
  );
  return path;
}
