/**
 * The command lines by which the harness looks at the objects from which a root is made. They stand beside `commands.ts`, and the
 * simulated guest answers the same ones.
 */
import { quoteArgument as quote } from "../base/quote.ts";

const read = (line: string): string => `env LC_ALL=C ${line}`;

export const objectCommands = {
  /** ostree-fsck(1): reads every object. */
  ostreeFsck: read("ostree fsck --all"),
  /** ostree-ls(1): what a commit has below a path, with checksums. */
  ostreeList: (checksum: string, path: string) =>
    read(`ostree ls -R --checksum ${quote(checksum)} ${quote(path)}`),
  /** The lines of it about some objects. */
  ostreePlaces: (commit: string, checksums: readonly string[]) =>
    read(
      `sh -c ${quote(`ostree ls -R --checksum ${quote(commit)} / | grep -F ${checksums.map((one) => `-e ${quote(one)}`).join(" ")} || true`)}`,
    ),
  /** ostree-checksum(1): of a file as the system shows it, by which ostree would name its object. */
  ostreeChecksum: (path: string) => read(`ostree checksum ${quote(path)}`),
  /** Files of a folder that are not small enough to stand in the image of a root itself, and not large, with their sizes (find(1)). */
  smallFiles: (folder: string) =>
    read(`find ${quote(folder)} -type f -size +128c -size -256k -printf '%s %p\\n'`),
  /** An object of bootc's composefs backend with the content of a file. Objects are one a content, so there is one at most. */
  objectLike: (path: string) =>
    read(
      `sh -c ${quote(`find /sysroot/composefs/objects -type f -size "$(stat -c %s ${quote(path)})c" -exec cmp -s {} ${quote(path)} ";" -print -quit`)}`,
    ),
} as const;
