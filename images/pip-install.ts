/** Python packages of PyPI into a folder, by a file of requirements that says each exactly: what they need is in it too. */
import { runCommand } from "../harness/base/process.ts";

export interface PipInstall {
  readonly requirements: string;
  /** A folder, for PYTHONPATH. */
  readonly target: string;
  /** Default `python3`. */
  readonly python?: string;
  /** Further words for `pip install`. */
  readonly words?: readonly string[];
  readonly signal: AbortSignal;
}

/** Throws HostUnfit where pip is missing or does not get them. */
export async function pipInstall({
  requirements,
  target,
  python = "python3",
  words = [],
  signal,
}: PipInstall): Promise<void> {
  const how = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"];
  await runCommand(
    python,
    [
      ...["-m", "pip", "install", ...how, "--no-deps", "--no-compile", ...words],
      ...["--target", target, "--requirement", requirements],
    ],
    { signal, timeoutMs: 300_000 },
  );
}
