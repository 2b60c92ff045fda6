/**
 * A place of a labgrid coordinator, by labgrid's own client, which has to be on this host: its protocol has no promise of staying as it
 * is, its command line has one. Words of the client: labgrid 26.0, `labgrid/remote/client.py`.
 */

import { hostname } from "node:os";
import { type BootgateError, HostUnfit, MachineFault, UsageError } from "../../../base/errors.ts";
import { attemptCommand } from "../../../base/process.ts";
import { userName } from "../../../base/user.ts";

/** A place, and the coordinator that has it. */
export interface LabgridPlace {
  readonly place: string;
  /** `HOST:PORT`. Absent: what `LG_COORDINATOR` says, else this host. */
  readonly coordinator?: string | undefined;
}

/** Somebody else has the place: who, as `user on host`. */
export class PlaceBusy extends HostUnfit {
  readonly holder: string;

  constructor(place: string, holder: string) {
    super(`The labgrid place '${place}' is busy: ${holder} has it.`, {
      details: { "to do": `wait for it, or see 'labgrid-client -p ${place} show'` },
    });
    this.holder = holder;
  }
}

/** For one question; `reserve --wait` has its own. Milliseconds. The client needs a second or two to hear of all places. */
const askMs = 60_000;

export interface LabgridOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** Of a reservation. */
  readonly token?: string;
}

/** Who we are to the coordinator, as labgrid itself would say it, so that a person may look with the same client meanwhile. */
const labgridUser = (): string => process.env.LG_USERNAME ?? userName();
const labgridHost = (): string => process.env.LG_HOSTNAME ?? hostname();
export const labgridHolder = (): string => `${labgridHost()}/${labgridUser()}`;

const coordinatorOf = ({ coordinator }: LabgridPlace): string =>
  coordinator ?? process.env.LG_COORDINATOR ?? "127.0.0.1:20408";

/**
 * Runs the client for the place and returns what it printed. Throws HostUnfit where this host does not have it or the coordinator does not
 * answer, UsageError for a place that does not exist, PlaceBusy, and MachineFault for whatever else it refuses.
 */
export async function labgrid(
  place: LabgridPlace,
  args: readonly string[],
  { signal, timeoutMs = askMs, token }: LabgridOptions,
): Promise<string> {
  const coordinator = coordinatorOf(place);
  const named = token === undefined ? place.place : "+";
  const output = await attemptCommand("labgrid-client", ["-x", coordinator, "-p", named, ...args], {
    signal,
    timeoutMs,
    maxBytes: 1024 * 1024,
    env: {
      LG_PLACE: "",
      LG_USERNAME: labgridUser(),
      LG_HOSTNAME: labgridHost(),
      ...(token === undefined ? {} : { LG_TOKEN: token }),
    },
  }).catch((error: unknown) => {
    if (!(error instanceof HostUnfit) || !error.headline.includes("has no command")) throw error;
    throw new HostUnfit("The host has no command 'labgrid-client'.", {
      cause: error,
      details: { "to do": "install labgrid (pip install labgrid) and put its programs on PATH" },
      lookAt: "docs/boards.md",
    });
  });
  if (output.exitCode === 0) return output.stdout;
  throw whyNot(place, coordinator, `${output.stderr}\n${output.stdout}`);
}

function whyNot({ place }: LabgridPlace, coordinator: string, words: string): BootgateError {
  const said = plain(words).slice(-500);
  const details = { said };
  if (/Could not connect to coordinator|coordinator is unavailable/.test(words))
    return new HostUnfit(`The labgrid coordinator at ${coordinator} does not answer.`, { details });
  if (/matches nothing/.test(words))
    return new UsageError(
      `The labgrid coordinator at ${coordinator} does not have a place '${place}'.`,
      { details: { said, "to do": "see 'labgrid-client places'" } },
    );
  const holder = holderIn(words);
  if (holder !== null) return new PlaceBusy(place, holder);
  if (/has no matching remote resource|already acquired by place '<broken>'/.test(words))
    return new MachineFault(
      `The labgrid place '${place}' lacks something that belongs to it: its exporter is away, or could not start it.`,
      { details },
    );
  return new MachineFault(`labgrid refuses what is asked of place '${place}'.`, { details });
}

/** Who has a place, in the words of each refusal; null where nobody is named. */
function holderIn(words: string): string | null {
  const other = /is already acquired by (\S+?)\/(\S+?)\. /.exec(words);
  if (other !== null) return `${plain(other[2] ?? "")} on ${plain(other[1] ?? "")}`;
  if (/You have already acquired place/.test(words)) return "this very user";
  if (/was not reserved for|is currently reserved/.test(words)) return "a reservation of another";
  return null;
}

const plain = (text: string): string => text.replace(/[^\x20-\x7e]+/g, " ").trim();
