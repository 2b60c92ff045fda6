/** Files of the guest. Content goes through standard input, never through a command line, so any content is safe. */
import { commands } from "../commands.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";

export interface GuestFiles {
  /** Content, or null when there is no such file. */
  read(path: string): Promise<string | null>;
  write(path: string, content: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** `sha256sum` of the content, or null when there is no such file. */
  sha256(path: string): Promise<string | null>;
}

const missing = /No such file or directory|Not a directory/;

/** Reads and writes files as root, up to the output cap of a command. */
export function createFiles(io: GuestIo): GuestFiles {
  const readOrNull = async (command: string): Promise<string | null> => {
    const result = await io.exec(command);
    if (result.exitCode === 1 && missing.test(result.stderr)) return null;
    return requireSuccess(io, result).stdout;
  };
  return {
    read: (path) => readOrNull(commands.readFile(path)),
    async write(path, content) {
      await mustExec(io, commands.writeFile(path), { input: content });
    },
    async remove(path) {
      await mustExec(io, commands.removeFile(path));
    },
    async sha256(path) {
      const line = await readOrNull(commands.sha256(path));
      // sha256sum(1) puts a backslash before the hash of a file whose name it had to escape.
      return line === null ? null : (/^\\?([0-9a-f]{64})\b/.exec(line)?.[1] ?? null);
    },
  };
}
