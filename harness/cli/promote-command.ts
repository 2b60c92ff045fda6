/** `bootgate promote`: on PROMOTE moves a tag to exactly the image that was judged; on HOLD touches nothing. */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { readOciImage } from "../../images/oci-layout.ts";
import { defuseCommands, oneLine } from "../../reports/clean-text.ts";
import {
  type Decision,
  decisionExitCode,
  decisionFile,
  parseDecision,
} from "../../reports/gate/decision.ts";
import { digestOf } from "../../reports/gate/read-run.ts";
import { UsageError } from "../base/errors.ts";
import { type Digest, isDigest } from "../base/units.ts";
import type { ExitCode } from "../cli.ts";
import { decodeText, readSmallFile } from "../config/read-small-file.ts";
import { type Promoted, promoteImage } from "../promote/promote.ts";
import { parseDestination, parseExpectation, parseSource } from "../promote/reference.ts";
import { onInterrupt } from "./interrupt.ts";

export interface PromoteOptions {
  /** The image that was tested: `oci:DIR:TAG` or `docker://REGISTRY/NAME@sha256:…`. */
  readonly from: string;
  /** The tag to move: `REGISTRY/NAME:TAG`. */
  readonly to: string;
  /** What the tag must stand for: a digest or `absent`. Without it, what it stands for at the start. */
  readonly expect?: string;
  /** `false`: the registries speak HTTP without TLS. */
  readonly tlsVerify?: boolean | "true" | "false";
}

/** A decision with 10,000 jobs has about 10 MB. */
const maxDecisionBytes = 64 * 1024 * 1024;

/**
 * Promotes by a decision (the file or the run directory it lies in). Returns 0 when the tag stands for the image, and
 * on HOLD the decision's own exit code. Throws UsageError (exit 2) for a decision or source that is not what was
 * judged, an error of the host (exit 3) when the tag moved or the registry fails.
 */
export async function promote(decisionPath: string, options: PromoteOptions): Promise<ExitCode> {
  using interrupt = onInterrupt((line) => process.stderr.write(`${line}\n`));
  const { signal } = interrupt;
  const path = await decisionAt(decisionPath);
  const bytes = await readSmallFile(path, { what: "decision", maxBytes: maxDecisionBytes });
  const decision = parseDecision(decodeText(bytes, path, "decision"), path);
  const unseen = await checkEvidence(decision, path, signal);
  if (decision.verdict === "HOLD") {
    say([`HOLD: ${oneLine(decision.reasons[0] ?? "", 500)}`, "  Nothing was promoted."]);
    return decisionExitCode(decision);
  }
  const destination = parseDestination(options.to);
  const expect = options.expect === undefined ? undefined : parseExpectation(options.expect);
  const source = await judgedSource(options.from, decision);
  const promoted = await promoteImage({
    ...source,
    destination,
    expect,
    decision: new Uint8Array(bytes),
    decidedAt: decision.decidedAt,
    plainHttp: String(options.tlsVerify ?? true) === "false",
    signal,
  });
  say([...promotedLines(options.to, source.digest, promoted), ...unseen]);
  return 0;
}

const say = (lines: readonly string[]): void =>
  void process.stdout.write(`${defuseCommands(lines.join("\n"))}\n`);

async function decisionAt(path: string): Promise<string> {
  const facts = await stat(path).catch(() => null);
  return facts?.isDirectory() === true ? join(path, decisionFile) : path;
}

/**
 * The logs that lie beside the decision must be those that were judged: the one in its own folder, and those of its
 * other runs in the folders next to it. Returns a note for each that is not at hand.
 */
async function checkEvidence(
  decision: Decision,
  path: string,
  signal: AbortSignal,
): Promise<string[]> {
  const folder = dirname(resolve(path));
  const own = await digestIfThere(join(folder, "events.jsonl"), signal);
  const known = decision.runs.find(({ events }) => events === own);
  const wrong: string[] = [];
  const unseen: string[] = [];
  if (own !== null && known === undefined)
    wrong.push(`the events beside it are ${own}, which is none of those it was made from`);
  for (const { run, events } of decision.runs) {
    if (events === known?.events) continue;
    // The name comes out of the file, so it must be no path.
    const name = basename(run) === run && !run.startsWith(".") ? run : null;
    const log = name === null ? null : join(dirname(folder), name, "events.jsonl");
    const digest = log === null ? null : await digestIfThere(log, signal);
    if (digest === null)
      unseen.push(`  note: the events of run '${oneLine(run, 100)}' are not at hand.`);
    else if (digest !== events) wrong.push(`the events of run '${oneLine(run, 100)}' were changed`);
  }
  if (wrong.length === 0) return unseen;
  throw new UsageError(`The decision '${path}' does not stand on the evidence beside it.`, {
    details: { reason: wrong.join("\n"), "was made": decision.decidedAt },
    lookAt: `npm run -s bootgate -- verdict ${dirname(path)}`,
  });
}

const digestIfThere = async (path: string, signal: AbortSignal): Promise<string | null> => {
  const facts = await stat(path).catch(() => null);
  return facts?.isFile() === true ? digestOf(path, signal) : null;
};

/** The source, which must be an image that the decision is about. */
async function judgedSource(
  from: string,
  decision: Decision,
): Promise<{ readonly source: string; readonly digest: Digest }> {
  const source = parseSource(from);
  const digest =
    source.kind === "registry"
      ? source.digest
      : (await readOciImage(resolve(source.layout), source.tag)).digest;
  const judged = new Set(decision.candidates.map((candidate) => candidate.digest));
  if (isDigest(digest) && judged.has(digest))
    return {
      digest,
      source:
        source.kind === "registry"
          ? `docker://${source.name}@${digest}`
          : `oci:${resolve(source.layout)}:${source.tag}`,
    };
  throw new UsageError(`'${oneLine(from, 200)}' is not the image that was judged.`, {
    details: { judged: [...judged].map((one) => oneLine(one, 100)).join("\n"), got: digest },
  });
}

function promotedLines(to: string, digest: Digest, { before, record }: Promoted): string[] {
  const was = before === digest ? "it already did" : `before: ${before ?? "absent"}`;
  const how = record.foundBy === "referrers-api" ? "referrers API" : "referrers tag";
  return [
    `PROMOTED ${to} stands for ${digest} (${was})`,
    `  The decision is recorded at the registry as ${record.digest} (${how}).`,
  ];
}
