/** Packages of Debian as files, for what takes a part of them along. */
import { excludedPaths, namedMirror } from "./base-packages.ts";
import { type BuildContext, platformOf, runMounting } from "./privileged.ts";

/** Unpacks packages of a suite and what they need into a folder. It configures nothing, so no script of a package runs. Throws HostUnfit where they cannot be had. */
export async function unpackDebian(
  packages: readonly string[],
  { suite, target }: { readonly suite: string; readonly target: string },
  context: BuildContext,
): Promise<void> {
  const platform = platformOf(context);
  await runMounting(
    "mmdebstrap",
    [
      "--variant=extract",
      `--architectures=${platform.debian}`,
      '--aptopt=Acquire::Check-Valid-Until "false"',
      ...excludedPaths(platform).map((path) => `--dpkgopt=path-exclude=${path}`),
      `--include=${packages.join(",")}`,
      ...[suite, target, ...namedMirror()],
    ],
    context,
  );
}
