/**
 * Whether a path that events name stays in the run directory. Events may come from another host or be tampered with, and
 * readers of reports fetch what they are pointed to.
 */
import { isAbsolute, normalize } from "node:path/posix";

/** True for a plain relative path that goes down only. A backslash is refused too: it leads up where Windows reads it. */
export const isInside = (path: string): boolean =>
  path !== "" &&
  !isAbsolute(path) &&
  normalize(path) === path &&
  !/^\.{1,2}(?:\/|$)|[\\\0]/u.test(path);
