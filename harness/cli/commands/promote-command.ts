/** `bootgate promote`: on PROMOTE moves a tag to exactly the image that was judged; on HOLD touches nothing. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readOciImage } from "../../../images/origins/oci-layout.ts";
import { checkAccess } from "../../../images/origins/skopeo.ts";
import { UsageError } from "../../base/errors.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { type Digest, isDigest } from "../../base/units.ts";
import { decodeText, readSmallFile } from "../../config/read-small-file.ts";
import { type Promoted, promoteImage } from "../../gate/promote/promote.ts";
import { parseDestination, parseExpectation, parseSource } from "../../gate/promote/reference.ts";
import {
  type Decision,
  decisionExitCode,
  decisionFile,
  decisionText,
  parseDecision,
} from "../../gate/verdict/decision.ts";
import { maxDecisionBytes } from "../../gate/verdict/read-run.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { checkEvidence, type EvidenceOptions } from "../wiring/promote-evidence.ts";

export interface PromoteOptions extends EvidenceOptions {
  /** The image that was tested: `oci:DIR:TAG` or `docker://REGISTRY/NAME@sha256:…`. */
  readonly from: string;
  /** The tag to move: `REGISTRY/NAME:TAG`. */
  readonly to: string;
  /** What the tag must stand for: a digest or `absent`. Without it, what it stands for at the start. */
  readonly expect?: string;
  /** `false`: the registries speak HTTP without TLS. */
  readonly tlsVerify?: boolean | "true" | "false";
  /** Credentials for both registries, and a folder of certificates. */
  readonly authfile?: string;
  readonly certDir?: string;
}

/**
 * Promotes by a decision (the file or the run directory it lies in), after judging its runs once more. Returns 0 when
 * the tag stands for the image, and on HOLD, of the file or of now, that one's exit code. Throws UsageError (exit 2) for
 * a decision or source that is not what was judged, an error of the host (exit 3) when the tag moved or the registry
 * fails.
 */
export async function promote(decisionPath: string, options: PromoteOptions): Promise<ExitCode> {
  using interrupt = onInterrupt((line) => process.stderr.write(`${line}\n`));
  const { signal } = interrupt;
  const path = await decisionAt(decisionPath);
  const bytes = await readSmallFile(path, { what: "decision", maxBytes: maxDecisionBytes });
  const told = parseDecision(decodeText(bytes, path, "decision"), path);
  if (told.about?.kind === "base")
    throw new UsageError(`'${path}' is about a base by what its variants show; it moves no tag.`, {
      details: {
        "to do":
          "run the base itself as one image of the matrix, and promote by its own decision in decisions/variants",
      },
    });
  if (told.verdict === "HOLD") return hold(told, []);
  const decision = await checkEvidence(told, path, options, signal);
  if (decision.verdict === "HOLD") return hold(decision, [judgedNow]);
  const { authfile: authFile, certDir } = options;
  await checkAccess({
    ...(authFile === undefined ? {} : { authFile }),
    ...(certDir === undefined ? {} : { certDir }),
  });
  const destination = parseDestination(options.to);
  const expect = options.expect === undefined ? undefined : parseExpectation(options.expect);
  const source = await judgedSource(options.from, decision);
  const promoted = await promoteImage({
    ...source,
    destination,
    expect,
    decision: new Uint8Array(Buffer.from(decisionText(decision))),
    decidedAt: decision.decidedAt,
    plainHttp: String(options.tlsVerify ?? true) === "false",
    authFile,
    certDir,
    signal,
  });
  say([
    ...promotedLines(options.to, source.digest, promoted),
    ...decision.notes.map((note) => `  note: ${note}`),
  ]);
  return 0;
}

const judgedNow =
  "The file says PROMOTE. Judged again, now and by the --policy, --known and --previous of this command, its runs hold.";

function hold(decision: Decision, more: readonly string[]): ExitCode {
  const [first = "", ...others] = [oneLine(decision.reasons[0] ?? "", 500), ...more];
  say([`HOLD: ${first}`, ...others.map((line) => `  ${line}`), "  Nothing was promoted."]);
  return decisionExitCode(decision);
}

const say = (lines: readonly string[]): void =>
  void process.stdout.write(`${defuseCommands(lines.join("\n"))}\n`);

async function decisionAt(path: string): Promise<string> {
  const facts = await stat(path).catch(() => null);
  return facts?.isDirectory() === true ? join(path, decisionFile) : path;
}

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
  const tested = decision.candidates.find(({ index }) => index === digest);
  if (tested !== undefined)
    throw new UsageError(
      `'${oneLine(from, 200)}' is an index of which only the image for ${oneLine(tested.architecture, 40)} was judged.`,
      {
        details: {
          "to do": `name that image: --from docker://NAME@${oneLine(tested.digest, 100)}`,
        },
      },
    );
  const isOne = decision.candidates.length === 1;
  throw new UsageError(
    `'${oneLine(from, 200)}' is not ${isOne ? "the image that was" : "one of the images that were"} judged.`,
    {
      details: {
        judged: decision.candidates
          .map(({ name, digest }) => `${oneLine(name, 100)} ${oneLine(digest, 100)}`)
          .join("\n"),
        got: digest,
        "to do":
          "name one of these by --from; of several images each has a promotion of its own, and of an index the image that was tested alone",
      },
    },
  );
}

function promotedLines(to: string, digest: Digest, { before, record }: Promoted): string[] {
  const was = before === digest ? "it already did" : `before: ${before ?? "absent"}`;
  const how = record.foundBy === "referrers-api" ? "referrers API" : "referrers tag";
  return [
    `PROMOTED ${to} stands for ${digest} (${was})`,
    `  The decision is recorded at the registry as ${record.digest} (${how}).`,
  ];
}
