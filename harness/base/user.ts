/**
 * Who runs us, also where nobody knows their name: OpenShift and others start containers as a user that is in no /etc/passwd,
 * and Node's own `userInfo` and `homedir` throw for one.
 */
import { homedir, userInfo } from "node:os";

/** The user's number. */
export const userId = (): number => process.getuid?.() ?? -1;

/** The user's name, else the number. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(userId());
  }
}

/** The home folder: `$HOME`, else what /etc/passwd says; null where neither says it. */
export function homeFolder(): string | null {
  try {
    return homedir();
  } catch {
    return null;
  }
}
