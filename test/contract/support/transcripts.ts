// Recorded transcripts of real bootc as data, and what of them differs from one machine or moment to the next.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Transcript {
  readonly name: string;
  readonly command: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const transcripts = join(import.meta.dirname, "../../../fixtures/transcripts");
const recorded = "bootc-1.16.9";
const shape =
  /^\$ (?<command>[^\n]+)\nexit code: (?<exitCode>\d+)\nseconds: [\d.]+\n--- stdout\n(?<stdout>.*)\n--- stderr\n(?<stderr>.*)$/s;

/** Reads one file: `04-status-json` for the ostree backend, `b01-status-json` for the composefs backend. */
export const readTranscript = (name: string): Transcript => readFrom(recorded, name);

/** Reads a transcript of `bootc install`, whose stdout and stderr were recorded together. */
export const readInstallTranscript = (name: string): Transcript =>
  readFrom(`${recorded}-install`, name);

function readFrom(folder: string, name: string): Transcript {
  const text = readFileSync(join(transcripts, folder, `${name}.txt`), "utf8");
  const { command = "", exitCode, stdout = "", stderr = "" } = shape.exec(text)?.groups ?? {};
  if (command === "") throw new Error(`'${name}' is not a transcript.`);
  return { name, command, exitCode: Number(exitCode), stdout, stderr };
}

/** The names of all transcripts. */
export const transcriptNames = (): string[] =>
  readdirSync(join(transcripts, recorded))
    .filter((name) => name.endsWith(".txt"))
    .map((name) => name.slice(0, -4));

export interface Said {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Takes out what no two runs share: durations. */
export function comparable({ exitCode, stdout, stderr }: Said): Said {
  const plain = (text: string): string => text.replaceAll(/\(\d+ seconds?\)/g, "(N seconds)");
  return { exitCode, stdout: plain(stdout), stderr: plain(stderr) };
}

/** Also takes out what only a real repository knows: checksums of ostree, sizes, numbers of layers. */
export function comparableShape(said: Said): Said {
  const plain = (text: string): string =>
    text
      .replaceAll(/(?<!sha256:|[0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g, "CHECKSUM")
      .replaceAll(/(?<![0-9a-f])[0-9a-f]{128}(?![0-9a-f])/g, "VERITY")
      .replaceAll(/\d+(?:\.\d+)?(?: bytes|\u00a0[kMG]B)/g, "SIZE")
      .replaceAll(/(layers already present|layers needed|layers): +\d+/gi, "$1: N");
  const { exitCode, stdout, stderr } = comparable(said);
  return { exitCode, stdout: plain(stdout), stderr: plain(stderr) };
}
