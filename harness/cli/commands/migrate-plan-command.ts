/** `bootgate migrate-plan`: reads what rpm-ostree says of a host, and prints the host's way to bootc. It boots and changes nothing. */
import { CannotTell, HostUnfit, UsageError } from "../../base/errors.ts";
import { attemptCommand } from "../../base/process.ts";
import { formatBytes, formatDuration } from "../../base/units.ts";
import { describeIssues } from "../../config/describe-issues.ts";
import { decodeText, readSmallFile } from "../../config/read-small-file.ts";
import { type RpmOstreeStatus, rpmOstreeStatus } from "../../guest/tools/rpm-ostree.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import { parseKernelArguments } from "../../migrate/kernel-arguments.ts";
import { type MigratePlan, planMigration, type Slot } from "../../migrate/migrate-plan.ts";
import { otherStatus } from "../../migrate/other-status.ts";
import {
  isRemote,
  parseRemote,
  type RemoteAnswer,
  type RemoteHost,
  readAnswer,
  sshWords,
} from "../../migrate/remote-host.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

export interface MigratePlanOptions {
  readonly format: "text" | "json" | "containerfile";
  readonly deployment: Slot;
  /** File with what `rpm-ostree kargs` printed. */
  readonly kargs?: string;
}

const what = "status of rpm-ostree";
/** A real one has some kilobytes; with the metadata of commits that keep their package lists, a few megabytes. */
const maxStatusBytes = 16 * 1024 * 1024;
const maxKargsBytes = 64 * 1024;

/** What can be read from: the process's standard input, or a test's. */
type Input = AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };

/** Prints the plan. Throws UsageError for what is not such a status, or holds what no Containerfile may. */
export async function migratePlan(
  source: string,
  options: MigratePlanOptions,
  streams: { readonly input: Input; readonly output: { write(text: string): unknown } } = {
    input: process.stdin,
    output: process.stdout,
  },
): Promise<void> {
  const { text, name, kargs } = await readSource(source, streams.input);
  const ofHost = (): readonly string[] | null => {
    const words = kargs?.[options.deployment] ?? null;
    return words === null ? null : parseKernelArguments(words);
  };
  const plan = planMigration({
    status: parseStatus(text, name),
    slot: options.deployment,
    kernelArguments: options.kargs === undefined ? ofHost() : await readKargs(options.kargs),
  });
  streams.output.write(
    options.format === "json"
      ? `${JSON.stringify(plan, null, 2)}\n`
      : options.format === "containerfile"
        ? plan.containerfile
        : defuseCommands(planText(plan)),
  );
}

interface Source {
  readonly text: string;
  /** For messages. */
  readonly name: string;
  /** Kernel arguments by the deployment that they are of, where the source tells them. */
  readonly kargs: RemoteAnswer["kargs"] | null;
}

async function readSource(source: string, input: Input): Promise<Source> {
  if (isRemote(source)) {
    const { status: text, kargs } = await askHost(parseRemote(source));
    return { text, name: source, kargs };
  }
  const name = source === "-" ? "standard input" : source;
  const bytes =
    source === "-"
      ? await readAll(input)
      : await readSmallFile(source, { what, maxBytes: maxStatusBytes });
  return { text: decodeText(bytes, name, what), name, kargs: null };
}

/** For all of it: rpm-ostree's daemon starts on demand, and a small host takes its time. Milliseconds. */
const askMs = 120_000;

/**
 * Asks a host by the person's own ssh client, which ends with this process, however that ends. Throws HostUnfit where this host does not
 * have one, and as `readAnswer`.
 */
async function askHost(host: RemoteHost): Promise<RemoteAnswer> {
  using interrupt = onInterrupt((line) => process.stderr.write(`${line}\n`));
  const words = ["--pdeathsig", "KILL", "--", "ssh", ...sshWords(host)];
  const limits = { signal: interrupt.signal, timeoutMs: askMs, maxBytes: maxStatusBytes };
  const ended = await attemptCommand("setpriv", words, limits).catch((error: unknown) => {
    if (!(error instanceof HostUnfit) || /no command/.test(error.headline)) throw error;
    // Its cause has the whole command in it, which helps nobody.
    throw new CannotTell(`The host '${oneLine(host.name, 200)}' could not be asked to the end.`, {
      details: {
        why: `it took longer than ${formatDuration(askMs)}, or said more than ${formatBytes(maxStatusBytes)}`,
      },
    });
  });
  if (ended.exitCode === 127 && /^setpriv: /.test(ended.stderr))
    throw new HostUnfit("This host does not have the command 'ssh'.", {
      details: { "to do": "install openssh-client, or bring the status as a file" },
    });
  return readAnswer(host, ended);
}

async function readKargs(path: string): Promise<readonly string[]> {
  const kind = "list of kernel arguments";
  const bytes = await readSmallFile(path, { what: kind, maxBytes: maxKargsBytes });
  return parseKernelArguments(decodeText(bytes, path, kind));
}

async function readAll(input: Input): Promise<Buffer> {
  if (input.isTTY === true)
    throw new UsageError(`The ${what} was to come over standard input, which is a terminal.`, {
      details: { "to do": "ssh HOST rpm-ostree status --json | bootgate migrate-plan -" },
    });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxStatusBytes)
      throw new UsageError(
        `The ${what} on standard input is larger than ${formatBytes(maxStatusBytes)}; it cannot be one.`,
      );
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

const toSave = "save what `rpm-ostree status --json` prints on the host";

/** The checked status. Throws one UsageError that says what is wrong where, and what to do. */
export function parseStatus(text: string, name: string): RpmOstreeStatus {
  const refuse = (why: string, toDo = `${toSave}, all of it`): never => {
    throw new UsageError(`What '${name}' holds is not the ${what}.`, {
      details: { why, got: oneLine(text, 100) || "nothing", "to do": toDo },
    });
  };
  let data: unknown;
  let place: string | undefined;
  try {
    data = JSON.parse(text);
  } catch (error) {
    // The engine's words quote the text, which is told below.
    place = /at position \d+/.exec(error instanceof Error ? error.message : "")?.[0];
  }
  const other = otherStatus(text, data);
  if (other !== null) return refuse(other.why, other.toDo);
  if (data === undefined)
    return refuse(`it is not JSON${place === undefined ? "" : ` (${place})`}`);
  const parsed = rpmOstreeStatus.safeParse(data);
  if (parsed.success) return parsed.data;
  const findings = describeIssues(parsed.error.issues.slice(0, 5), rpmOstreeStatus, data);
  return refuse(findings.map(({ message }) => oneLine(message)).join("\n"));
}

/** The plan for a person. */
export function planText(plan: MigratePlan): string {
  const { deployment } = plan;
  const version = deployment.version === null ? "" : `, version ${deployment.version}`;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
  const dropped = plan.dropped.map(
    ({ what, names }) => `${what}: ${oneLine(names.join(", "), 2000)}`,
  );
  return `${[
    `Deployment ${deployment.id}${version}`,
    `  ${deployment.why}`,
    ...(plan.isLayered
      ? [
          "  It has local changes: `bootc upgrade` refuses it (exit code 1, `local rpm-ostree modifications`), and `bootc status` calls it incompatible.",
        ]
      : ["  It has no local changes: bootc can manage it."]),
    ...section("Kept by `bootc switch`:", plan.kept),
    ...section(
      "DROPPED by `bootc switch`, which exits 0 and does not say so, unless the image below brings it:",
      dropped,
    ),
    ...section("Needed of you:", plan.needed),
    ...section(
      "Steps:",
      plan.steps.map((line, index) => `${index + 1}. ${line}`),
    ),
    ...(plan.isLayered ? ["", "Containerfile:", "", plan.containerfile.trimEnd()] : []),
    ...(plan.kargsToml === null
      ? []
      : ["", "/usr/lib/bootc/kargs.d/50-migrated.toml:", "", plan.kargsToml.trimEnd()]),
  ].join("\n")}\n`;
}
