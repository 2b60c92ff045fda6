/** A Debian tree of the reference OS's own suite with what a part of it is built by. */
import { baseSuite, namedMirror } from "./base-packages.ts";
import { type BuildContext, runMounting } from "./privileged.ts";

const slim = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/** Bootstraps it at `tree`; who asked for it removes it. Throws HostUnfit where the packages cannot be had. */
export const bootstrapBuilder = (
  tree: string,
  packages: readonly string[],
  context: BuildContext,
): Promise<string> =>
  runMounting(
    "mmdebstrap",
    [
      ...["--variant=minbase", '--aptopt=Acquire::Check-Valid-Until "false"'],
      ...slim.map((path) => `--dpkgopt=path-exclude=${path}`),
      `--include=${packages.join(",")}`,
      ...[baseSuite, tree, ...namedMirror()],
    ],
    context,
  );
