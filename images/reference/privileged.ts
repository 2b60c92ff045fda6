/** Commands that need root: as they are for root, through `sudo -n` for others. */
import { join } from "node:path";
import { packageRoot } from "../../harness/base/package-root.ts";
import { runCommand } from "../../harness/base/process.ts";

/** What every build step is given. */
export interface BuildContext {
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A file beside this module's source, also when the module runs compiled. */
export const besideUs = (path: string): string => join(packageRoot, "images", "reference", path);

const isRoot = (): boolean => process.getuid?.() === 0;

/** The command as root would give it. */
export function asRoot(file: string, args: readonly string[]): [string, string[]] {
  return isRoot() ? [file, [...args]] : ["sudo", ["-n", file, ...args]];
}

/** Runs a command with root's rights; throws HostUnfit when it fails. */
export async function runAsRoot(
  file: string,
  args: readonly string[],
  { signal }: Pick<BuildContext, "signal">,
): Promise<string> {
  const [program, words] = asRoot(file, args);
  const { stdout } = await runCommand(program, words, { signal, timeoutMs: 900_000 });
  return stdout;
}

/** Removes a tree that root owns. The root folders of deployments are immutable, which only root may lift. */
export async function removeAsRoot(path: string, signal: AbortSignal): Promise<void> {
  const deployments = ["-path", "*/ostree/deploy/default/deploy/*", "-type", "d", "-prune"];
  const lift = ["-exec", "chattr", "-f", "-i", "{}", "+"];
  const [program, words] = asRoot("find", [path, "-maxdepth", "8", ...deployments, ...lift]);
  await runCommand(program, words, { signal }).catch(() => undefined);
  await runAsRoot("rm", ["-rf", "--one-file-system", path], { signal });
}

/** Runs a command inside a tree, in a mount namespace of its own so that no mount can be left over. */
export async function runInTree(
  options: {
    readonly tree: string;
    readonly work: string;
    readonly standin?: string;
    readonly command: readonly string[];
  },
  context: Pick<BuildContext, "signal">,
): Promise<string> {
  const { tree, work, standin = "-", command } = options;
  const script = besideUs("scripts/in-tree.sh");
  return runAsRoot(
    "unshare",
    ["--mount", "--propagation", "private", "sh", script, tree, work, standin, ...command],
    context,
  );
}

/** Gives files that root made to the user who builds. */
export async function giveToUs(path: string, signal: AbortSignal): Promise<void> {
  if (isRoot()) return;
  await runAsRoot("chown", ["-R", `${process.getuid?.()}:${process.getgid?.()}`, path], { signal });
}
