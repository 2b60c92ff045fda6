/** Whole lines of a file as they come, without escape codes. */
import { escapeCodes } from "../base/escape-codes.ts";
import { FileFollower } from "../machine/console/console-follower.ts";

const maxBytes = 256 * 1024 * 1024;
const maxLine = 4096;

/** Begins at once; `stop` reads what is left. An endless line is told in pieces. */
export function followLines(path: string, onLine: (line: string) => void): FileFollower {
  let rest = "";
  const follower = new FileFollower(path, {
    maxBytes,
    onFull: () => undefined,
    onBytes: (bytes) => {
      const lines = (rest + Buffer.from(bytes).toString("utf8")).split(/\r\n|[\r\n]/);
      rest = lines.pop() ?? "";
      if (rest.length > maxLine) {
        lines.push(rest);
        rest = "";
      }
      for (const line of lines) onLine(line.slice(0, maxLine).replace(escapeCodes, ""));
    },
  });
  follower.start();
  return follower;
}
