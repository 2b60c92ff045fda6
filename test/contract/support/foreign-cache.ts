/** Opens the cache as a user who is not root, and says how that ends and how a killed process of somebody else is taken. */
import { messageOf } from "../../../harness/base/errors.ts";
import { isOwnerAlive } from "../../../harness/base/owner.ts";
import { requireCache } from "../../../harness/base/places.ts";
import { removeDeadWorkspaces } from "../../../harness/base/workspace.ts";

if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(65_534);
  process.setuid?.(65_534);
}
const wordOf = (work: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(work)
    .catch((error: unknown) => `${(error as Error).name}: ${messageOf(error).split("\n")[0]}`);
const opened = await wordOf(() => requireCache());
const removed = await wordOf(removeDeadWorkspaces);
process.stdout.write(`${JSON.stringify({ opened, removed, alive: isOwnerAlive("1-1") })}\n`);
