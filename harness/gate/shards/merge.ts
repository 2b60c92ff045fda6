/**
 * Makes one run of the shards of a split. It merges events, not results, so that every report and the verdict are made
 * from the merged log exactly as from any other. What does not belong together is refused, with its name.
 */
import { UsageError } from "../../base/errors.ts";
import { oneLine } from "../../log/clean-text.ts";
import type { EventOf, JobFacts, RunEvent, ShardFacts } from "../../log/events.ts";

/** The log of one shard. */
export interface ShardLog {
  /** Where it is from, for messages: the run directory. */
  readonly name: string;
  readonly events: readonly RunEvent[];
}

type Started = EventOf<"run-started">;

interface Shard {
  readonly name: string;
  readonly started: Started;
  readonly facts: ShardFacts;
  readonly events: readonly RunEvent[];
}

/** The merged log. `run` is the new run's id. Throws one UsageError that says all that does not fit. */
export function mergeShards(logs: readonly ShardLog[], run: string): RunEvent[] {
  if (logs.length === 0) throw new UsageError("Shards to merge do not exist.");
  const shards = logs.map(readShard).sort((one, other) => one.facts.index - other.facts.index);
  refuse([
    ...differences(shards, "harness versions", ({ started }) => started.harness),
    ...differences(shards, "policies", ({ started }) => started.policy ?? "none"),
    ...differences(shards, "numbers of shards", ({ facts }) => `of ${facts.count}`),
    ...imageDifferences(shards),
  ]);
  refuse([...doubleShards(shards), ...missingShards(shards)]);
  refuse(differences(shards, "splits (was the history another?)", ({ facts }) => facts.selection));
  refuse(doubleJobs(shards));
  return [head(shards, run), ...interleave(shards), end(shards)];
}

function readShard({ name, events }: ShardLog): Shard {
  const started = events[0];
  if (started?.type !== "run-started")
    throw new UsageError(`'${name}' has a log that does not begin with 'run-started'.`);
  if (started.shard === undefined)
    throw new UsageError(`'${name}' is not a shard: it was run without --shard.`);
  return { name, started, facts: started.shard, events: events.slice(1) };
}

function refuse(wrong: readonly string[]): void {
  if (wrong.length === 0) return;
  throw new UsageError(
    `The shards cannot be merged:\n${wrong.map((line) => `  - ${line}`).join("\n")}`,
  );
}

/** One line that names each value with the first shard that has it, when there is more than one. */
function differences(
  shards: readonly Shard[],
  what: string,
  wordOf: (shard: Shard) => string,
): string[] {
  const values = new Map<string, string>();
  for (const shard of shards) {
    const value = oneLine(wordOf(shard), 100);
    if (!values.has(value)) values.set(value, shard.name);
  }
  if (values.size < 2) return [];
  return [
    `they have different ${what}: ${[...values].map(([value, name]) => `${value} ('${name}')`).join(", ")}`,
  ];
}

function imageDifferences(shards: readonly Shard[]): string[] {
  const places = new Map<string, Map<string, string>>();
  for (const { name, started } of shards)
    for (const { images, cell } of started.jobs)
      for (const [role, { digest, architecture }] of Object.entries(images)) {
        const whose = cell === undefined ? "" : ` in ${oneLine(cell.image, 80)}`;
        const place = `${oneLine(role, 40)} images for ${oneLine(architecture, 40)}${whose}`;
        const digests = places.get(place) ?? new Map<string, string>();
        if (!digests.has(digest)) digests.set(digest, name);
        places.set(place, digests);
      }
  return [...places].flatMap(([place, digests]) =>
    digests.size < 2
      ? []
      : [
          `they have different ${place}: ${[...digests].map(([digest, name]) => `${oneLine(digest, 80)} ('${name}')`).join(", ")}`,
        ],
  );
}

function doubleShards(shards: readonly Shard[]): string[] {
  return shards.flatMap(({ name, facts }, position) => {
    const other = shards[position - 1];
    return other?.facts.index === facts.index
      ? [`shard ${facts.index} of ${facts.count} is there twice: '${other.name}' and '${name}'`]
      : [];
  });
}

function missingShards(shards: readonly Shard[]): string[] {
  const count = shards[0]?.facts.count ?? 0;
  const there = new Set(shards.map(({ facts }) => facts.index));
  const strange = [...there].filter((index) => index > count);
  const missing: string[] = strange.map((index) => `there is no shard ${index} of ${count}`);
  // A hostile count must not make a long list.
  for (let index = 1; index <= count && missing.length < 20; index++)
    if (!there.has(index)) missing.push(`shard ${index} of ${count} is missing`);
  return missing;
}

function doubleJobs(shards: readonly Shard[]): string[] {
  const seen = new Map<string, string>();
  return shards.flatMap(({ name, started }) =>
    started.jobs.flatMap(({ id }) => {
      const other = seen.get(id);
      seen.set(id, name);
      return other === undefined
        ? []
        : [`the job '${oneLine(id, 150)}' is in '${other}' and in '${name}'`];
    }),
  );
}

function head(shards: readonly Shard[], run: string): RunEvent {
  const all = shards.map(({ started }) => started);
  const earliest = all.reduce((first, one) =>
    Date.parse(one.at) < Date.parse(first.at) ? one : first,
  );
  const { shard: _shard, ...bare } = earliest;
  const hosts = all.map(({ host }) => host);
  const join = (values: readonly string[]): string => [...new Set(values)].join(", ");
  const byId = (one: JobFacts, other: JobFacts): number => (one.id < other.id ? -1 : 1);
  return {
    ...bare,
    run,
    host: {
      name: join(hosts.map(({ name }) => name)),
      kernel: join(hosts.map(({ kernel }) => kernel)),
      qemu: join(hosts.map(({ qemu }) => qemu ?? "none")),
      accelerator: join(hosts.map(({ accelerator }) => accelerator)),
      cpus: Math.min(...hosts.map(({ cpus }) => cpus)),
      memoryMiB: Math.min(...hosts.map(({ memoryMiB }) => memoryMiB)),
    },
    jobs: all.flatMap(({ jobs }) => jobs).sort(byId),
  };
}

/** By time, each shard's own order kept: a clock that is set back must not put a job's end before its start. */
function interleave(shards: readonly Shard[]): RunEvent[] {
  const queues = shards.map(({ events }) => ({
    events: events.filter(({ type }) => type !== "run-ended"),
    next: 0,
  }));
  const merged: RunEvent[] = [];
  for (;;) {
    let best: { queue: (typeof queues)[number]; event: RunEvent; at: number } | null = null;
    for (const queue of queues) {
      const event = queue.events[queue.next];
      if (event === undefined) continue;
      const at = Date.parse(event.at);
      if (best === null || at < best.at) best = { queue, event, at };
    }
    if (best === null) return merged;
    best.queue.next++;
    merged.push(best.event);
  }
}

/** A shard that was killed stops the merged run: what it had begun is broken, the rest of it not run. */
function end(shards: readonly Shard[]): RunEvent {
  const stops = shards.flatMap(({ facts, events }) => {
    const last = events.findLast(({ type }) => type === "run-ended");
    const shard = `shard ${facts.index} of ${facts.count}`;
    if (last?.type !== "run-ended") return [`${shard} was killed: its log has no end`];
    return last.stopped === undefined ? [] : [`${shard}: ${last.stopped}`];
  });
  const latest = shards
    .flatMap(({ started, events }) => [started.at, events.at(-1)?.at ?? started.at])
    .reduce((last, at) => (Date.parse(at) > Date.parse(last) ? at : last));
  return {
    type: "run-ended",
    at: latest,
    ...(stops.length === 0 ? {} : { stopped: stops.join("; ") }),
  };
}
