/** Writes a log under a limit of file size that cuts a line, says what it was told, then goes on without the limit. Argument: a folder. */
import { execFileSync } from "node:child_process";
import { copyFileSync, statSync } from "node:fs";
import { openEventLog } from "../../../harness/log/event-log.ts";
import type { NewEvent } from "../../../harness/log/events.ts";
import { smallEvents } from "../../golden/gate-runs.ts";

const [directory = ""] = process.argv.slice(2);
const path = `${directory}/events.jsonl`;
// The kernel sends this signal beside the error, and its default is to end the process (setrlimit(2)).
process.on("SIGXFSZ", () => undefined);
const limit = (bytes: string): unknown =>
  execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:`]);

const told: string[] = [];
const heard: string[] = [];
const log = openEventLog(path, ({ type }) => heard.push(type), {
  onTrouble: ({ details }) => told.push(String(details.reason)),
});
const [head] = smallEvents({ fates: { "boot/health": "passed" } });
if (head?.type !== "run-started") throw new TypeError("A run begins with its head.");
const job = head.jobs[0]?.id ?? "";
const note = (text: string): void => log.append({ type: "note", job, text });
log.append(head as NewEvent);
note("before");
limit(String(statSync(path).size + 50));
for (let count = 0; count < 5; count++) note(`full ${count}`);
copyFileSync(path, `${directory}/full.jsonl`);
const flushed = (): boolean => {
  try {
    log.flush();
    return true;
  } catch {
    return false;
  }
};
const whileFull = flushed();
limit("unlimited");
note("after");
process.stdout.write(JSON.stringify({ told, heard, whileFull, atEnd: flushed() }));
log[Symbol.dispose]();
