/** Takes the lock at the path that is its first argument and holds it until it is killed; says `waits` and `holds` as it goes. */
import { takeLock } from "../../../harness/base/lock.ts";

const [path = ""] = process.argv.slice(2);
await takeLock(path, {
  signal: new AbortController().signal,
  onWait: () => process.stdout.write("waits\n"),
});
process.stdout.write("holds\n");
setInterval(() => undefined, 60_000);
