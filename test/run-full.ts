/**
 * `npm run test:full`: the long tests, one file after the other. They take hours on two processors, so each file's end is
 * kept as it comes: `-- --rest` goes on with what has not passed yet on this very content, and words choose files by name.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, UsageError } from "../harness/base/errors.ts";
import { runCommand } from "../harness/base/process.ts";
import { type FullRecord, parseFullRecord, stillPassed } from "./full-record.ts";
import { conclude, prepareTests, runTier, Sum } from "./tier-run.ts";

const folder = "test/full";
const recordPath = "runs/full-tier.json";

/** Of the files that a long test plays or is made of. Other tests and prose do not change what it sees. */
async function contentOf(file: string): Promise<string> {
  const parts = ["harness", "scenarios", "fixtures", "images", "test"];
  const single = ["package.json", "package-lock.json", "tsconfig.json"];
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const { stdout } = await runCommand("git", [...list, "--", ...parts, ...single]);
  const paths = stdout.split("\0").filter((path) => path !== "" && !/\.(md|test\.ts)$/.test(path));
  const common = createHash("sha256");
  for (const path of paths.sort()) common.update(`${path}\0${await digestOf(path)}\0`);
  return common.update(await digestOf(file)).digest("hex");
}

/** A file that git knows and that is gone is content too. */
async function digestOf(path: string): Promise<string> {
  const bytes = await readFile(path).catch(() => null);
  return bytes === null ? "gone" : createHash("sha256").update(bytes).digest("hex");
}

const readRecord = async (): Promise<FullRecord> =>
  parseFullRecord(await readFile(recordPath, "utf8").catch(() => "{}"));

/** Never half-written, and what was kept of other files stays. */
async function keep(record: FullRecord): Promise<void> {
  await mkdir(dirname(recordPath), { recursive: true });
  await writeFile(`${recordPath}.new`, JSON.stringify(record, null, 2));
  await rename(`${recordPath}.new`, recordPath);
}

async function chosenFiles(words: readonly string[]): Promise<readonly string[]> {
  const all = (await readdir(folder)).filter((name) => name.endsWith(".test.ts")).sort();
  const names = all.map((name) => name.slice(0, -".test.ts".length));
  const unknown = words.filter((word) => !names.includes(word));
  if (unknown.length > 0)
    throw new UsageError(`There is no long test '${unknown.join("', '")}'.`, {
      lookAt: `those there are: ${names.join(", ")}`,
    });
  const chosen = words.length === 0 ? names : names.filter((name) => words.includes(name));
  return chosen.map((name) => `${folder}/${name}.test.ts`);
}

function readWords(): { readonly rest: boolean; readonly words: readonly string[] } {
  try {
    const options = { rest: { type: "boolean", default: false } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    return { rest: values.rest, words: positionals };
  } catch (error) {
    throw new UsageError(messageOf(error), { lookAt: "CONTRIBUTING.md" });
  }
}

async function main(): Promise<number> {
  const { rest, words } = readWords();
  const files = await chosenFiles(words);
  await using workspace = await prepareTests();
  const sum = new Sum();
  for (const file of files) {
    const content = await contentOf(file);
    const record = await readRecord();
    const before = rest ? stillPassed(record[file], content) : null;
    if (before !== null) {
      sum.add(`${file}, as it ended at ${record[file]?.at} on this content`, before);
      continue;
    }
    const { count } = await sum.timed(file, () => runTier("full", workspace.path, [file]));
    // What changed meanwhile was seen by a part of it.
    const isSame = (await contentOf(file)) === content;
    if (isSame)
      await keep({
        ...(await readRecord()),
        [file]: { content, at: new Date().toISOString(), count },
      });
    else console.log(`${file} changed, or what it plays, while it ran: its end is not kept.`);
  }
  return sum.tell();
}

await conclude(main);
