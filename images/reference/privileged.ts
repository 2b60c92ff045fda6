/**
 * Commands that need root: as they are for root, in a user namespace for others, and through `sudo -n` for those whose host
 * refuses user namespaces. What comes out is the same in all three; only who owns the trees in the cache differs.
 */
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import {
  attemptCommand,
  type CommandOptions,
  type CommandOutput,
  runCommand,
} from "../../harness/base/process.ts";
import type { Architecture } from "../image.ts";
import { findForeignWay, requireOwnRule } from "./foreign.ts";
import { type ReferencePlatform, referencePlatforms } from "./platforms.ts";
import { namespaceCommand, refuseNamespace } from "./user-namespace.ts";

/** What every build step is given. */
export interface BuildContext {
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
  /** Of what is built; absent: x86_64. */
  readonly architecture?: Architecture;
}

/** What is built, by the table of what there is. */
export const platformOf = ({
  architecture = "x86_64",
}: Pick<BuildContext, "architecture">): ReferencePlatform => referencePlatforms[architecture];

/** A file beside this module's source, also when the module runs compiled. */
export const besideUs = (path: string): string => join(packageRoot, "images", "reference", path);

/** Runs a tool of the system such as mkfs.vfat. They lie in folders that the PATH of an ordinary user on Debian does not name. */
export function runTool(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandOutput> {
  const PATH = `${process.env.PATH ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
  return runCommand(file, args, { ...options, env: { ...options.env, PATH } });
}

/** How root's rights are had. */
export type RootWay = "root" | "namespace" | "sudo";

const isRoot = (): boolean => process.getuid?.() === 0;

const doesSudoWork = async (): Promise<boolean> =>
  (await exists("/usr/bin/sudo")) &&
  (await attemptCommand("sudo", ["-n", "true"]).catch(() => null))?.exitCode === 0;

async function findRootWay(): Promise<RootWay> {
  if (isRoot()) return "root";
  const refusal = await refuseNamespace();
  if (refusal === null) return "namespace";
  if (await doesSudoWork()) return "sudo";
  throw new HostUnfit("The reference OS cannot be built here by this user.", {
    details: {
      reason: `user namespaces do not work here: ${refusal.reason}`,
      "to do": refusal.toDo,
    },
    lookAt: "npm run -s bootgate -- doctor",
  });
}

let found: Promise<RootWay> | undefined;

/** How this process has root's rights, tried out once. Throws HostUnfit with what to do when there is no way. */
export const rootWay = (): Promise<RootWay> => {
  found ??= findRootWay();
  return found;
};

/** The command as root would give it. End it with SIGKILL: in a namespace it does not react to SIGTERM. */
export async function asRoot(file: string, args: readonly string[]): Promise<[string, string[]]> {
  const way = await rootWay();
  if (way === "root") return [file, [...args]];
  return way === "sudo" ? ["sudo", ["-n", file, ...args]] : namespaceCommand(file, args);
}

/** Runs a command with root's rights; throws HostUnfit when it fails. */
export async function runAsRoot(
  file: string,
  args: readonly string[],
  { signal }: Pick<BuildContext, "signal">,
): Promise<string> {
  const [program, words] = await asRoot(file, args);
  const { stdout } = await runTool(program, words, {
    signal,
    timeoutMs: 3_600_000,
    ...((await rootWay()) === "namespace" ? { endSignal: "SIGKILL" as const } : {}),
  });
  return stdout;
}

/** Removes a tree that root owns. The root folders of deployments are immutable where real root made them, and only it may lift that. */
export async function removeAsRoot(path: string, signal: AbortSignal): Promise<void> {
  const remove = ["-rf", "--one-file-system", path];
  if ((await rootWay()) === "namespace") {
    await runAsRoot("rm", remove, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      return removeBySudo(path, signal, error);
    });
    return;
  }
  const [program, words] = await asRoot("find", liftArguments(path));
  await runTool(program, words, { signal }).catch(() => undefined);
  await runAsRoot("rm", remove, { signal });
}

const liftArguments = (path: string): string[] => {
  const deployments = ["-path", "*/ostree/deploy/default/deploy/*", "-type", "d", "-prune"];
  return [path, "-maxdepth", "8", ...deployments, "-exec", "chattr", "-f", "-i", "{}", "+"];
};

/** A tree of an earlier build through sudo: real root owns it. Throws `why` where sudo does not work. */
async function removeBySudo(path: string, signal: AbortSignal, why: unknown): Promise<void> {
  if (!(await doesSudoWork())) throw why;
  const bySudo = (args: readonly string[]): Promise<CommandOutput> =>
    runCommand("sudo", ["-n", ...args], { signal });
  await bySudo(["find", ...liftArguments(path)]).catch(() => undefined);
  await bySudo(["rm", "-rf", "--one-file-system", path]);
}

/**
 * Runs a command that mounts, in a mount namespace of its own: however it ends, none of its mounts is left on the host, where
 * a tree could not be removed, and a removal all the same would remove what is mounted there.
 */
export async function runMounting(
  file: string,
  args: readonly string[],
  context: Pick<BuildContext, "signal" | "architecture">,
): Promise<string> {
  const way = await findForeignWay(platformOf(context).architecture);
  if (way.kind === "host")
    return runAsRoot("unshare", ["--mount", "--propagation", "private", file, ...args], context);
  const within = [besideUs("scripts/in-foreign.py"), way.rule];
  return runAsRoot("python3", [...within, file, ...args], context);
}

/** Throws HostUnfit, with what to do, where programs of what is built cannot be run here. Tries it out. */
export async function requireRunnable(
  context: Pick<BuildContext, "signal" | "architecture">,
): Promise<void> {
  const { architecture } = platformOf(context);
  const way = await findForeignWay(architecture);
  if (way.kind === "host") return;
  const trial = [besideUs("scripts/in-foreign.py"), way.rule, "true"];
  const [file, args] = await asRoot("python3", trial);
  requireOwnRule(architecture, await attemptCommand(file, args, { signal: context.signal }));
}

/** Runs a command inside a tree, whose programs may be of another architecture. */
export async function runInTree(
  options: {
    readonly tree: string;
    readonly work: string;
    readonly standin?: string;
    readonly command: readonly string[];
  },
  context: Pick<BuildContext, "signal" | "architecture">,
): Promise<string> {
  const { tree, work, standin = "-", command } = options;
  const script = besideUs("scripts/in-tree.sh");
  return runMounting("sh", [script, tree, work, standin, ...command], context);
}

/** Gives files that root made to the user who builds. Root of a namespace is that user already. */
export async function giveToUs(path: string, signal: AbortSignal): Promise<void> {
  if ((await rootWay()) !== "sudo") return;
  await runAsRoot("chown", ["-R", `${process.getuid?.()}:${process.getgid?.()}`, path], { signal });
}
