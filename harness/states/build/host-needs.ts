/** What the builders that work on the host itself need of it, asked before anything is started. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, UsageError } from "../../base/errors.ts";
import { exists, isProgram } from "../../base/exists.ts";
import { attemptCommand } from "../../base/process.ts";
import type { BuilderName } from "./builder.ts";

export interface HostNeeds {
  readonly builder: BuilderName;
  readonly programs: readonly string[];
}

const viaVm = "take --builder vm, which needs nothing of the host but QEMU";

/** Folders of root's programs that the PATH of others does not name. */
const moreFolders = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/** Why a builder cannot work here, in one sentence and with what to do; null where it can. Changes nothing. */
export async function refuseHost({ builder, programs }: HostNeeds): Promise<UsageError | null> {
  const refuse = (what: string, todo: string): UsageError =>
    new UsageError(`--builder ${builder} ${what}.`, {
      details: { "to do": `${todo}, or ${viaVm}` },
    });
  if (process.getuid?.() !== 0)
    return refuse("needs root, and you are an ordinary user here", "run bootgate as root");
  const missing: string[] = [];
  for (const program of programs) if (!(await isInPath(program))) missing.push(program);
  if (missing.length > 0)
    return refuse(
      `needs ${missing.join(" and ")}, which this host does not have`,
      "install what is missing",
    );
  if (!(await exists("/dev/loop-control")))
    return refuse(
      "needs loop devices, and this host does not have /dev/loop-control",
      "run it where loop devices can be made (modprobe loop; a container needs them from its host)",
    );
  const may = await mayMount();
  if (may === null) return null;
  return refuse(
    "needs to mount in a namespace of its own, which this host refuses",
    `allow it (${may})`,
  );
}

async function isInPath(program: string): Promise<boolean> {
  const folders = [...(process.env.PATH ?? "").split(":"), ...moreFolders];
  for (const folder of folders.filter((one) => one.startsWith("/")))
    if (await isProgram(join(folder, program))) return true;
  return false;
}

/** Root of a container often may not mount. Null where it may; else what the host says. */
async function mayMount(): Promise<string | null> {
  const words = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
  const command = [...words, "sh", "-c", "mount -t tmpfs bootgate /tmp"];
  const tried = await attemptCommand("unshare", command, { timeoutMs: 20_000 }).catch(
    (error: unknown) => ({ exitCode: 1, stderr: String(error) }),
  );
  return tried.exitCode === 0 ? null : tried.stderr.trim().slice(0, 200);
}

/** Folders that the Filesystem Hierarchy Standard gives to every system, and that hold what somebody put there. */
const shortFolders = ["/mnt", "/media", "/srv"];

/**
 * A folder with a short name to mount on in a namespace of its own, such that none of `paths` is hidden: podman refuses a
 * run root of more than 50 characters. Throws HostUnfit where there is none.
 */
export async function shortFolder(paths: readonly string[]): Promise<string> {
  for (const folder of shortFolders)
    if (!paths.some((path) => path.startsWith(`${folder}/`)) && (await exists(folder)))
      return folder;
  throw new HostUnfit("This host has no folder with a short name to mount on.", {
    details: { "looked for": shortFolders.join(", "), "to do": `make one of them, or ${viaVm}` },
  });
}

/**
 * Throws HostUnfit where the host's kernel does not have a file system that an installation mounts. modprobe(8) is asked
 * for what it does not have yet.
 */
export async function requireFileSystems(
  builder: BuilderName,
  wanted: readonly string[],
): Promise<void> {
  const missing: string[] = [];
  for (const name of wanted) if (!(await hasFileSystem(name))) missing.push(name);
  if (missing.length === 0) return;
  throw new HostUnfit(
    `--builder ${builder} mounts ${missing.join(" and ")}, and the kernel of this host does not have ${missing.length > 1 ? "them" : "it"}.`,
    { details: { "to do": viaVm } },
  );
}

/** As `requireFileSystems`; a test has a host of its own. */
export type RequireFileSystems = typeof requireFileSystems;

async function hasFileSystem(name: string): Promise<boolean> {
  const isListed = async (): Promise<boolean> =>
    (await readFile("/proc/filesystems", "utf8"))
      .split("\n")
      .some((line) => line.trim().split(/\s+/).at(-1) === name);
  if (await isListed()) return true;
  await attemptCommand("modprobe", ["-q", name], { timeoutMs: 20_000 }).catch(() => null);
  return isListed();
}
