/**
 * Disks in the shapes that people have, each given as a bare file: what is odd about a good image must not be held
 * against it, and what is wrong must be named. Two boots each, so this is the long tier's.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { cacheRoot } from "../../harness/base/workspace.ts";
import { buildReferenceOs } from "../../images/reference/build.ts";
import { buildPlainDisk } from "../../images/reference/plain-disk.ts";
import { notesOf, type Played, placeFor } from "./support/played.ts";

interface Shape {
  readonly version: string;
  /** What the shape is, as the title of its test. */
  readonly title: string;
  readonly deviation?: string;
  readonly note?: RegExp;
}

const good: readonly Shape[] = [
  { version: "v2", title: "the reference disk, which nobody says a digest of" },
  { version: "v2-quiet", title: "a disk that says nothing on the serial port" },
  {
    version: "v2-no-sshd",
    title: "a disk that does not enable sshd",
    deviation: "sshd-wanted",
  },
  {
    version: "v2-noisy-shell",
    title: "a disk whose shell prints a banner and speaks German",
    note: /login shell of root .* prints by itself/,
  },
  { version: "v2-vendor", title: "a disk that follows its vendor's reference" },
  { version: "v2-floods", title: "a disk that floods its console with markup and CI commands" },
  { version: "v2-clock-jumps", title: "a disk whose clock jumps" },
  {
    version: "v2-menu-stands",
    title: "a disk whose boot menu stands still",
    deviation: "menu-enter",
  },
  { version: "v2-large-sectors", title: "a disk that is made for sectors of 4096 bytes" },
];

const place = placeFor("shapes");
const disks = new Map<string, string>();
let plain = "";

beforeAll(async () => {
  const context = {
    onProgress: (line: string) => process.stderr.write(`${line}\n`),
    signal: new AbortController().signal,
  };
  const versions = [...good.map(({ version }) => version), "v2-dead-sshd", "v2-mute"];
  const os = await buildReferenceOs({ cacheDir: cacheRoot(), versions, ...context });
  for (const version of versions) disks.set(version, os.versions[version]?.disk ?? "");
  plain = await buildPlainDisk(cacheRoot(), context);
});

const stories = ["boot/health", "bootc/status"];

interface JudgeOptions {
  readonly only?: readonly string[];
  /** Further words of the command line. */
  readonly options?: readonly string[];
}

/** Story → how it ended, and the first line of its error. */
async function judge(
  disk: string,
  { only = stories, options = [] }: JudgeOptions = {},
): Promise<Played> {
  const played = await place.play(["run", ...only, "--candidate", disk, ...options]);
  const outcomes = played.events.flatMap((event) => {
    if (event.type !== "job-ended") return [];
    const { outcome } = event;
    const words =
      outcome.kind === "failed" || outcome.kind === "broken" ? `: ${outcome.error.headline}` : "";
    return [[event.job.split("@")[0], `${outcome.kind}${words}`]];
  });
  return { ...played, outcomes: Object.fromEntries(outcomes) };
}

describe("a good disk passes", () => {
  test.each(good)("$title", async ({ version, deviation, note }) => {
    const played = await judge(disks.get(version) ?? "");
    const { code, outcomes, output, events, directory: run } = played;
    expect(outcomes, output.slice(-3000)).toEqual({
      "boot/health": "passed",
      "bootc/status": "passed",
    });
    expect(code).toBe(0);
    const claims = events.filter((event) => event.type === "claim");
    expect(claims.length, "a bare disk's digest is its guest's own word").toBeGreaterThan(0);
    const ids = events.flatMap((event) => (event.type === "deviation" ? [event.id] : []));
    if (deviation !== undefined) expect(ids).toContain(deviation);
    if (note !== undefined) expect(notesOf(events)).toMatch(note);
    const schema = join(import.meta.dirname, "..", "schema", "junit.xsd");
    const junit = join(run, "junit.xml");
    const lint = await attemptCommand("xmllint", ["--noout", "--schema", schema, junit]);
    expect(lint.exitCode, lint.stderr).toBe(0);
    expect(readFileSync(join(run, "report.html"), "utf8")).not.toMatch(/<script>document\.title/);
  });
});

describe("what is wrong is named", () => {
  test("an sshd that does not start", async () => {
    const { code, outcomes, output } = await judge(disks.get("v2-dead-sshd") ?? "");
    expect(outcomes, output.slice(-3000)).toEqual({
      "boot/health": expect.stringMatching(/^failed: .* its ssh\.service has failed/),
      "bootc/status": expect.stringMatching(/^failed: .* its ssh\.service has failed/),
    });
    expect(code).toBe(1);
  });

  test("a disk in package mode is told apart, and its boot is judged all the same", async () => {
    const { code, outcomes, output, events } = await judge(plain);
    expect(outcomes, output.slice(-3000)).toEqual({
      "boot/health": "passed",
      "bootc/status": expect.stringMatching(/^failed: This is not a bootc or ostree system/),
    });
    expect(code).toBe(1);
    const told = events.filter(
      (event) => event.type === "note" && /This is not a bootc or ostree system/.test(event.text),
    );
    expect(told, "once, at the first guest").toHaveLength(1);
  });
});

describe("a disk that says nothing and does not have an sshd", () => {
  test("is not called bad where nothing can be asked of it, and its screen is kept", async () => {
    const { code, outcomes, output, events, directory } = await judge(disks.get("v2-mute") ?? "", {
      only: ["boot/health"],
      options: ["--no-channel"],
    });
    expect(outcomes, output.slice(-3000)).toEqual({
      "boot/health": expect.stringMatching(
        /^broken: .*it may have booted, but it says nothing on the serial port and nothing can be asked of it/,
      ),
    });
    expect(code).toBe(3);
    const pictures = events.flatMap((event) =>
      event.type === "evidence" && event.kind === "screenshot" ? [event.path] : [],
    );
    expect(pictures).not.toEqual([]);
    const [picture = ""] = pictures;
    expect(readFileSync(join(directory, picture)).subarray(1, 4).toString("latin1")).toBe("PNG");
  });

  test("passes over the root channel", async () => {
    const { code, outcomes, output } = await judge(disks.get("v2-mute") ?? "", {
      options: ["--transport", "channel"],
    });
    expect(outcomes, output.slice(-3000)).toEqual({
      "boot/health": "passed",
      "bootc/status": "passed",
    });
    expect(code).toBe(0);
  });
});

test("a disk that follows its vendor is upgraded from the run's registry, and its /sysroot stays read-only", async () => {
  const words = ["run", "bootc/upgrade-nothing-new", "--candidate", "reference:v2-vendor"];
  const { code, output, events } = await place.play(words);
  expect(code, output.slice(-3000)).toBe(0);
  const ids = events.flatMap((event) => (event.type === "deviation" ? [event.id] : []));
  expect(ids).toContain("origin-changed");
});
