// A run's log and its reports as the harness writes them, event by event without a pause, until it is killed.
import { argv, stdout } from "node:process";
import { setImmediate } from "node:timers/promises";
import { createReportWriter } from "../../../harness/cli/wiring/report-files.ts";
import { openEventLog } from "../../../harness/log/event-log.ts";
import { RunFold } from "../../../harness/log/run-model.ts";
import { fullRun } from "../../golden/report-events.ts";

const directory = argv[2] ?? "";
const fold = new RunFold();
const writer = createReportWriter(directory, () => fold.model());
const log = openEventLog(`${directory}/events.jsonl`, (event) => fold.add(event));
const [head, ...rest] = fullRun.filter(({ type }) => type !== "run-ended");
const { at: _, ...first } = head as (typeof fullRun)[number];
log.append(first as never);
writer.renew();
stdout.write("begun\n");
for (let round = 0; ; round++) {
  for (const { at: _at, ...event } of rest) {
    // The sample's attempts are over after the first round; notes go on without end.
    if (round === 0) log.append(event as never);
    else if ("job" in event) log.append({ type: "note", job: event.job, text: `round ${round}` });
    if (event.type === "job-ended") writer.renew();
    await setImmediate();
  }
}
