/**
 * A newer QEMU for Debian hosts without working KVM: emulation is a third faster where each processor of a guest has a host
 * thread of its own, which is safe from QEMU 8.1 on (`qemu/version.ts`), and Debian 12 has 7.2. It comes from the release's
 * own backports, by a private list of sources: the host's configuration of apt and its package lists stay as they are.
 */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BootgateError } from "../base/errors.ts";
import { attemptCommand, type CommandOutput } from "../base/process.ts";
import { createWorkspace } from "../base/workspace.ts";
import { firstThreadSafeQemu, isOlder } from "../machine/qemu/version.ts";
import {
  type AptStanza,
  candidateVersion,
  parseOneLiners,
  parseOsRelease,
  parseStanzas,
  upstreamVersion,
  withBackports,
} from "./apt-sources.ts";

/** The packages of the emulator itself, which comes first; what they need comes with them. */
export const qemuPackages = ["qemu-system-x86", "qemu-utils"] as const;

export interface AptHost {
  /** Folder with `os-release` and `apt/`; `/etc` but for tests. */
  readonly etc: string;
  /** Runs a command as this user. */
  readonly run: (args: readonly string[]) => Promise<CommandOutput>;
  /** Runs a command as root; null where this user may not. */
  readonly asRoot: ((args: readonly string[]) => Promise<CommandOutput>) | null;
}

/** Runs a command of the host without an exception for its exit code; one that cannot be started counts as failed. */
export const runQuietly =
  (prefix: readonly string[], signal: AbortSignal) =>
  async (args: readonly string[]): Promise<CommandOutput> => {
    const env = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"];
    const [file = "env", ...rest] = [...prefix, ...env, ...args];
    try {
      return await attemptCommand(file, rest, { signal, timeoutMs: 1_200_000 });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BootgateError)) throw error;
      return { stdout: "", stderr: error.headline, exitCode: 127 };
    }
  };

/** The version of QEMU that is installed, else that apt would install; null where neither is known. */
export async function releaseQemu(
  { run }: Pick<AptHost, "run">,
  emulator: string = qemuPackages[0],
): Promise<string | null> {
  const installed = await run(["dpkg-query", "-W", "-f=${Version}", emulator]);
  const version = installed.exitCode === 0 ? upstreamVersion(installed.stdout) : null;
  return version ?? candidateVersion((await run(["apt-cache", "policy", emulator])).stdout);
}

/** The same for guests of aarch64. */
export const armQemuPackages = ["qemu-system-arm"] as const;

/** Whether a QEMU of this version leaves something to gain under emulation. */
export const isSlow = (version: string | null): boolean =>
  version !== null && isOlder(version, firstThreadSafeQemu);

/** The release's backports that could hold a newer QEMU, `bookworm-backports`; null where the host is not a Debian. */
export async function backportsSuite(etc: string): Promise<string | null> {
  const { ID, VERSION_CODENAME } = parseOsRelease(
    await readFile(join(etc, "os-release"), "utf8").catch(() => ""),
  );
  return ID === "debian" && /^[a-z]+$/.test(VERSION_CODENAME ?? "")
    ? `${VERSION_CODENAME}-backports`
    : null;
}

/** All package sources of the host. */
async function readSources(etc: string): Promise<AptStanza[]> {
  const folder = join(etc, "apt", "sources.list.d");
  const names = await readdir(folder).catch(() => [] as string[]);
  const paths = [join(etc, "apt", "sources.list"), ...names.sort().map((n) => join(folder, n))];
  const parsed = paths.map(async (path): Promise<AptStanza[]> => {
    const isList = path.endsWith(".list");
    if (!isList && !path.endsWith(".sources")) return [];
    const text = await readFile(path, "utf8").catch(() => "");
    return isList ? parseOneLiners(text) : parseStanzas(text);
  });
  return (await Promise.all(parsed)).flat();
}

/** The last line that says what went wrong, short enough for one sentence. */
const whyNot = ({ stderr, stdout, exitCode }: CommandOutput): string =>
  `${stderr}\n${stdout}`
    .split("\n")
    .findLast((line) => /^E: /.test(line))
    ?.slice(3, 200)
    .replace(/[.\s]+$/, "") ?? `apt-get ended with exit code ${exitCode}`;

/**
 * Installs QEMU from the backports of the host's release. Returns null when that was done, else why it could not be, as the
 * end of a sentence: the host stays with the QEMU of its release then, which works too.
 */
export async function takeBackports(
  { etc, run, asRoot }: AptHost,
  packages: readonly string[] = qemuPackages,
): Promise<string | null> {
  const [emulator = ""] = packages;
  const suite = await backportsSuite(etc);
  if (suite === null) return "this host is not a Debian";
  if (asRoot === null) return "this user may not install packages";
  const list = withBackports(await readSources(etc), suite.replace(/-backports$/, ""));
  if (list === null) return `apt does not know where the packages of this release come from`;
  await using workspace = await createWorkspace("backports");
  const own = join(workspace.path, "apt");
  for (const folder of ["lists/partial", "cache/archives/partial"])
    await mkdir(join(own, folder), { recursive: true });
  await writeFile(join(own, "release.sources"), list);
  const apart = [
    `Dir::Etc::sourcelist=${join(own, "release.sources")}`,
    "Dir::Etc::sourceparts=-",
    `Dir::State::lists=${join(own, "lists")}`,
    `Dir::Cache=${join(own, "cache")}`,
    // The user that apt fetches as otherwise cannot come into a folder of ours; what is fetched is still checked by its keyring.
    "APT::Sandbox::User=root",
    "Acquire::Retries=0",
    "Acquire::http::Timeout=20",
    "Acquire::https::Timeout=20",
    "APT::Update::Error-Mode=any",
  ].flatMap((option) => ["-o", option]);
  try {
    const update = await asRoot(["apt-get", "update", "-qq", ...apart]);
    if (update.exitCode !== 0) return whyNot(update);
    const offer = await run(["apt-cache", ...apart, "-t", suite, "policy", emulator]);
    const version = candidateVersion(offer.stdout);
    if (version === null || isSlow(version))
      return `${suite} does not have QEMU ${firstThreadSafeQemu} or newer`;
    const how = ["-y", "--no-install-recommends", "--no-remove", "-t", suite];
    const install = await asRoot(["apt-get", "install", ...apart, ...how, ...packages]);
    return install.exitCode === 0 ? null : whyNot(install);
  } finally {
    // What root made there this user cannot remove.
    await asRoot(["rm", "-rf", "--", own]);
  }
}
