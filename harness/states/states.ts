/**
 * Makes states: each once in a run, with a share of the host and a time limit of its own, so that no job's clock runs
 * meanwhile. A failure is remembered: every job that starts from the state ends with it, and nothing is tried again.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  BootgateError,
  HostUnfit,
  messageOf,
  outcomeOf,
  RunStopped,
  reportError,
  retell,
} from "../base/errors.ts";
import type { Outcome } from "../base/outcome.ts";
import { formatDuration } from "../base/units.ts";
import type { HostCost } from "../machine/machine.ts";
import type { State, StateEvidence } from "./state.ts";

/** What is told while a state is made. `state` is the folder's name below the states' directory. */
export type StateReport =
  | {
      /** Another run is making it. */
      readonly type: "state-waiting";
      readonly state: string;
      readonly title: string;
      /** Who that is and since when, as the other run wrote it. */
      readonly holder: string;
    }
  | { readonly type: "state-started"; readonly state: string; readonly title: string }
  | {
      readonly type: "state-stage";
      readonly state: string;
      readonly stage: string;
      readonly sincePowerOnMs: number;
    }
  | {
      readonly type: "state-ended";
      readonly state: string;
      readonly title: string;
      readonly outcome: Outcome;
      /** Ids of the jobs that start from it. */
      readonly jobs: string[];
      readonly durationMs: number;
    };

export interface StatesOptions {
  /** Each state's evidence goes into a folder below it. */
  readonly directory: string;
  /** The run's own: a job that is stopped does not stop what others wait for. */
  readonly signal: AbortSignal;
  readonly onReport: (report: StateReport) => void;
  /** True where nobody else shares the host's room, so that who needs a state may wait for it and make it. */
  readonly isAlone?: boolean;
}

/** Runs work when its turn has come and it has its share of the host, which is held meanwhile. */
export type Turn = (
  cost: HostCost,
  signal: AbortSignal,
  work: () => Promise<void>,
) => Promise<unknown>;
const atOnce: Turn = (_cost, _signal, work) => work();

/** Null where the state is there; else a sentence that says why a job has to do without. */
type Lack = string | null;

interface Entry {
  /** Jobs that start from it, by their ids. */
  readonly jobs: Set<string>;
  readonly evidence: StateEvidence[];
  readonly notes: string[];
  readonly made: Promise<Lack>;
  /** True once its share of the host is taken: from then on nothing that a job holds can keep it from ending. */
  hasBegun: boolean;
}

/** The states of one run. */
export class States {
  readonly #options: StatesOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: StatesOptions) {
    this.#options = options;
  }

  /** Makes a state before the jobs that need it begin. Never throws: `need` does. */
  async prepare(state: State, turn: Turn = atOnce, job?: string): Promise<void> {
    const { jobs, made } = this.#entry(state, turn);
    if (job !== undefined) jobs.add(job);
    await made.catch(() => undefined);
  }

  /**
   * Returns null when the state is there, else why the caller has to do without it: it could not be kept, or it still
   * waits for its turn or its share, which the caller may be the one to hold. Throws what making it threw, with the same
   * class and so the same blame; `onEvidence` is told of the files that show it, `onNote` of what is odd about a state that
   * is there.
   */
  async need(
    state: State,
    onEvidence: (evidence: StateEvidence) => void,
    onNote: (text: string) => void = () => undefined,
  ): Promise<Lack> {
    const known = this.#entries.get(state.key);
    if (known?.hasBegun !== true && this.#options.isAlone !== true) {
      return (await state.isMade()) ? null : notPrepared;
    }
    const entry = known ?? this.#entry(state, atOnce);
    try {
      const lack = await entry.made;
      if (lack === null) for (const note of entry.notes) onNote(note);
      return lack;
    } catch (error) {
      for (const evidence of entry.evidence) onEvidence(evidence);
      throw error;
    }
  }

  #entry(state: State, turn: Turn): Entry {
    const known = this.#entries.get(state.key);
    if (known !== undefined) return known;
    const begun: Omit<Entry, "made"> = {
      evidence: [],
      notes: [],
      jobs: new Set(),
      hasBegun: false,
    };
    const made = this.#ensure(state, turn, begun);
    made.catch(() => undefined);
    const entry = Object.assign(begun, { made });
    this.#entries.set(state.key, entry);
    return entry;
  }

  async #ensure(state: State, turn: Turn, entry: Omit<Entry, "made">): Promise<Lack> {
    const { signal } = this.#options;
    try {
      const lock = await this.#lockUnlessMade(state, entry);
      if (lock === null || typeof lock === "string") return lock;
      await using _lock = lock;
      let lack: Lack = null;
      await turn(state.cost, signal, async () => {
        signal.throwIfAborted();
        entry.hasBegun = true;
        lack = await this.#make(state, entry);
      });
      return lack;
    } finally {
      entry.hasBegun = true;
    }
  }

  /** Null where it is there. A shelf that cannot be used keeps nobody from booting who can do without. */
  async #lockUnlessMade(state: State, entry: Pick<Entry, "jobs">): Promise<AsyncDisposable | Lack> {
    const { signal, onReport } = this.#options;
    const began = performance.now();
    try {
      if (await state.isMade()) return null;
      const lock = await state.lock(signal, (holder) =>
        onReport({ type: "state-waiting", state: folderOf(state), title: state.title, holder }),
      );
      if (!(await state.isMade())) return lock;
      await lock[Symbol.asyncDispose]();
      return null;
    } catch (error) {
      signal.throwIfAborted();
      if (state.isNeeded !== true) return notKept(state.title, "cannot be kept", error);
      throw this.#failed(state, entry.jobs, noPlaceFor(state.title, error), { began });
    }
  }

  async #make(state: State, { evidence, notes, jobs }: Omit<Entry, "made">): Promise<Lack> {
    const { signal, onReport } = this.#options;
    const { title, limitMs } = state;
    const name = folderOf(state);
    const directory = join(this.#options.directory, name);
    const limit = new AbortController();
    const began = performance.now();
    const end = (outcome: Outcome): void => this.#tellEnd(state, jobs, outcome, began);
    onReport({ type: "state-started", state: name, title });
    const timer = setTimeout(() => limit.abort(tooLong(title, limitMs)), limitMs);
    try {
      await mkdir(directory, { recursive: true });
      const made = await state.make({
        directory,
        signal: AbortSignal.any([signal, limit.signal]),
        runSignal: signal,
        stopClock: () => clearTimeout(timer),
        onStage: (stage, sincePowerOnMs) =>
          onReport({ type: "state-stage", state: name, stage, sincePowerOnMs }),
        onEvidence: (found) => {
          if (!evidence.some(({ path }) => path === found.path)) evidence.push(found);
        },
        onNote: (text) => notes.push(text),
      });
      end(made === null ? { kind: "passed" } : outcomeOf(made));
      return made === null ? null : notKept(title, "could not be frozen", made);
    } catch (caught) {
      const reason: unknown = limit.signal.aborted ? limit.signal.reason : caught;
      throw this.#failed(state, jobs, reason, { began, directory });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells of the end, and returns the error as each job has it; `directory` has evidence of it. */
  #failed(
    state: State,
    jobs: ReadonlySet<string>,
    reason: unknown,
    { began, directory }: { readonly began: number; readonly directory?: string },
  ): unknown {
    this.#tellEnd(state, jobs, outcomeOf(reason), began);
    return seenOnce(reason, state.title, { directory, jobs: [...jobs] });
  }

  #tellEnd(state: State, jobs: ReadonlySet<string>, outcome: Outcome, began: number): void {
    this.#options.onReport({
      type: "state-ended",
      state: folderOf(state),
      title: state.title,
      outcome,
      jobs: [...jobs],
      durationMs: performance.now() - began,
    });
  }
}

const folderOf = ({ name, key }: State): string => `${name}-${key.slice(0, 8)}`;

/** States of a single boot, outside a run: nothing has to wait for room. */
export const statesAlone = (
  options: Pick<StatesOptions, "directory" | "signal" | "onReport">,
): States =>
  new States({
    ...options,
    isAlone: true,
  });

const notPrepared =
  "The guest boots cold: what it would be forked from was not made before the job began (scenarios name what they boot in 'needs.boots'), and waiting for it now could mean waiting for what this job holds.";

const notKept = (title: string, what: string, error: unknown): string =>
  `${title[0]?.toUpperCase()}${title.slice(1)} ${what}: ${reportError(error).headline.replace(/\.$/, "")}; every scenario boots for itself.`;

/** A shelf's own error says what is wrong with it; that of a file system does not say whose. */
const noPlaceFor = (title: string, error: unknown): BootgateError =>
  error instanceof BootgateError
    ? error
    : new HostUnfit(`There is no place in the cache for ${title}.`, {
        cause: error,
        details: {
          reason: messageOf(error),
          "to do": "let this user write to the cache, or set XDG_CACHE_HOME to another folder",
        },
      });

const tooLong = (title: string, limitMs: number): RunStopped =>
  new RunStopped(`Making ${title} did not end within its ${formatDuration(limitMs)}.`);

const namedAtMost = 10;

/** Some names, and how many more there are. */
const listOf = (names: readonly string[]): string =>
  names.length <= namedAtMost
    ? names.join(", ")
    : `${names.slice(0, namedAtMost).join(", ")} and ${names.length - namedAtMost} more`;

/** The error as every job tells it. */
function seenOnce(
  error: unknown,
  title: string,
  { directory, jobs }: { readonly directory: string | undefined; readonly jobs: readonly string[] },
): unknown {
  if (!(error instanceof BootgateError)) return error;
  return retell(error, {
    headline: "(Seen when its state was made.)",
    details: {
      state: `${title}, made once for all jobs that start from it`,
      "ended by it": jobs.length < 2 ? undefined : listOf(jobs),
    },
    ...(directory === undefined ? {} : { lookAt: directory }),
  });
}
