/**
 * What a report may show beside the events: pieces of files of the run directory and what earlier runs say, read by the
 * caller, because reports touch no files themselves.
 */
import type { ShownDecision } from "../harness/gate/verdict/decision.ts";
import type { JobHistory } from "../harness/log/job-history.ts";
import type { RunModel } from "../harness/log/model-schema.ts";

/** A piece of a console log. The caller reads only the piece: a log may have any size. */
export interface ConsoleExcerpt {
  readonly lines: readonly string[];
  /** 1-based number of `lines[0]` in the whole log. */
  readonly firstLineNumber: number;
}

export type { ShownDecision as Decision };

export interface ReportInputs {
  /** By path relative to the run directory, as events name it. */
  readonly consoles?: ReadonlyMap<string, ConsoleExcerpt>;
  /** PNG or JPEG as `data:` URI, by path relative to the run directory. */
  readonly screenshots?: ReadonlyMap<string, string>;
  readonly decision?: ShownDecision;
  /** The run to compare with. */
  readonly previous?: RunModel;
  /** Earlier runs of each job, by its id; absent or empty where there is no history. */
  readonly history?: ReadonlyMap<string, JobHistory>;
  /** Put before each attachment's path in JUnit: Jenkins wants an absolute one, GitLab one below the project. */
  readonly attachmentBase?: string;
}
