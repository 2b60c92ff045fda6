/**
 * Root's rights over one's own files without being root: a user namespace in which a range of user and group ids of this
 * user is mapped (user_namespaces(7), subuid(5)). The user is its root, so that files of its root are the user's own; the
 * other ids of a system are the range. Device nodes cannot be made in it, and a host can refuse it altogether.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { messageOf } from "../../harness/base/errors.ts";
import { userName } from "../../harness/base/user.ts";

/** Ids of a system: 0 to 65534, which is `nobody`. The range that useradd gives holds all of them but 0, which is the user. */
const idsOfSystem = 65_535;

/**
 * A command in a user, mount and process namespace of its own (unshare(1), `--map-auto` since util-linux 2.38). Mounts and
 * processes that it leaves end with it, and it ends with the harness. It does not react to SIGTERM, only to SIGKILL.
 */
export const namespaceCommand = (file: string, args: readonly string[]): [string, string[]] => [
  "setpriv",
  [
    ...["--pdeathsig", "KILL", "--", "unshare", "--user", "--map-auto", "--map-root-user"],
    ...["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL", "--"],
    ...[file, ...args],
  ],
];

/** What a trial showed, and what of the host may explain it. */
export interface NamespaceTrial {
  readonly exitCode: number;
  /** `/proc/self/uid_map` and `gid_map` in the namespace, each followed by an empty line. */
  readonly stdout: string;
  readonly stderr: string;
  readonly user: string;
  /** Values by name below `/proc/sys`; null where this kernel does not have them. */
  readonly sysctls: Readonly<Record<string, string | null>>;
}

/** Why user namespaces cannot be used, and what a person can do about it. */
export interface NamespaceRefusal {
  /** The end of a sentence that begins with "user namespaces do not work here: ". */
  readonly reason: string;
  readonly toDo: string;
}

/** Settings of a kernel that refuse user namespaces, with the value that does (Debian, Ubuntu, namespaces(7)). */
export const refusingSysctls: Readonly<Record<string, readonly [refuses: string, allows: string]>> =
  {
    "user.max_user_namespaces": ["0", "15000"],
    "kernel.unprivileged_userns_clone": ["0", "1"],
    "kernel.apparmor_restrict_unprivileged_userns": ["1", "0"],
  };

const otherWays =
  "allow user namespaces (in a container: let its runtime allow them and unmasked mounts), or build as root";

/** Ids from 0 on that a map of a user namespace covers without a gap (user_namespaces(7)). */
function mappedIds(map: string): number {
  const ranges = map
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .sort(([one = 0], [other = 0]) => one - other);
  let end = 0;
  for (const [inside = -1, , count = 0] of ranges) if (inside === end) end += count;
  return end;
}

/** Why a trial failed, or null when it did not. Pure. */
export function whyRefused(trial: NamespaceTrial): NamespaceRefusal | null {
  const { exitCode, stdout, stderr, user, sysctls } = trial;
  const maps = stdout.split("\n\n").slice(0, 2).map(mappedIds);
  if (exitCode === 0 && maps.length === 2 && maps.every((ids) => ids >= idsOfSystem)) return null;
  const range = `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}`;
  if (/no line matching|\/etc\/sub[ug]id/.test(stderr))
    return {
      reason: `user '${user}' does not have ids in /etc/subuid and /etc/subgid`,
      toDo: range,
    };
  if (exitCode === 0)
    return {
      reason: `user '${user}' has ${Math.min(...maps)} ids in /etc/subuid and /etc/subgid, and a system needs ${idsOfSystem}`,
      toDo: range,
    };
  if (/new[ug]idmap: No such file/.test(stderr))
    return { reason: "newuidmap is not installed", toDo: "install the package uidmap" };
  if (/(?:unrecognized|invalid) option/.test(stderr))
    return { reason: "unshare is older than util-linux 2.38", toDo: "build as root" };
  for (const [name, [refuses, allows]] of Object.entries(refusingSysctls)) {
    if (sysctls[name] === refuses)
      return { reason: `${name} is ${refuses}`, toDo: `sudo sysctl -w ${name}=${allows}` };
  }
  const said = stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
  return { reason: said === "" ? `unshare ended with ${exitCode}` : said, toDo: otherWays };
}

const readSysctl = (name: string): Promise<string | null> =>
  readFile(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8").then(
    (text) => text.trim(),
    () => null,
  );

const trialMs = 30_000;

/**
 * Runs a command as the leader of a process group, and ends the group with it: where the kernel refuses the namespace, unshare
 * leaves the child that was to map the ids (seen with util-linux 2.41), which waits for ever and holds the outputs open.
 */
function runGroup(
  file: string,
  args: readonly string[],
): Promise<Pick<NamespaceTrial, "exitCode" | "stdout" | "stderr">> {
  return new Promise((resolve) => {
    const said = { stdout: "", stderr: "" };
    const child = spawn(file, [...args], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C" },
    });
    const endGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // Nothing of it is left.
      }
    };
    for (const name of ["stdout", "stderr"] as const)
      child[name].on("data", (chunk: Buffer) => {
        said[name] = (said[name] + chunk.toString("latin1")).slice(-16_384);
      });
    const timer = setTimeout(endGroup, trialMs);
    child.on("error", (error: NodeJS.ErrnoException) => {
      const stderr =
        error.code === "ENOENT" ? `the host has no command '${file}'` : messageOf(error);
      clearTimeout(timer);
      resolve({ exitCode: 127, stdout: "", stderr });
    });
    child.on("exit", endGroup);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ ...said, exitCode: code ?? 1 });
    });
  });
}

/** Tries what a build does: ids, and a mount. Returns null when it works, else why not. */
export async function refuseNamespace(signal?: AbortSignal): Promise<NamespaceRefusal | null> {
  const trial = "cat /proc/self/uid_map; echo; cat /proc/self/gid_map; mount --rbind /dev /dev";
  const [file, args] = namespaceCommand("sh", ["-c", trial]);
  const output = await runGroup(file, args);
  signal?.throwIfAborted();
  const names = Object.keys(refusingSysctls);
  const values = await Promise.all(names.map(async (name) => [name, await readSysctl(name)]));
  const sysctls = Object.fromEntries(values) as Record<string, string | null>;
  return whyRefused({ ...output, user: userName(), sysctls });
}
