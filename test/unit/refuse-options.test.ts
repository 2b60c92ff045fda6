import { Command, CommanderError } from "commander";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { buildProgram } from "../../harness/cli/cli.ts";
import { refuseOddOptions } from "../../harness/cli/terminal/refuse-options.ts";

beforeEach(() => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(() => vi.restoreAllMocks());

const refusalOf = async (program: Command, words: readonly string[]): Promise<string | null> =>
  program.parseAsync(["node", "bootgate", ...words]).then(
    () => null,
    (error: unknown) => {
      expect(error).toBeInstanceOf(CommanderError);
      return (error as CommanderError).message;
    },
  );

test.each<[string, readonly string[], RegExp]>([
  [
    "a variable that is not set",
    ["run", "boot/health", "--candidate", ""],
    /'--candidate <image>' is empty; see whether the variable/,
  ],
  [
    "the same of an option for all",
    ["images", "list", "--catalogue="],
    /'--catalogue <file>' is empty/,
  ],
  [
    "one image too many",
    ["plan", "--candidate", "reference:v1", "--candidate", "reference:v2"],
    /'--candidate <image>' is given twice, with two values/,
  ],
  [
    "two machines' worth of words",
    ["run", "--jobs", "1", "--jobs=2"],
    /'--jobs <n>' is given twice/,
  ],
  [
    "a disk that holds nothing",
    ["run", "--candidate", "reference:v2", "--disk-size", "10"],
    /whole number of MiB from 1024/,
  ],
])(
  "%s is a mistake of the command line, before anything is looked for",
  async (_, words, expected) => {
    expect(
      await refusalOf(
        buildProgram(() => undefined),
        words,
      ),
    ).toMatch(expected);
  },
);

test("lists, flags, one value twice and a value that may be left out are let through", async () => {
  const seen = vi.fn();
  const program = new Command("bootgate").exitOverride();
  program
    .command("run")
    .option("--karg <arguments...>", "a list")
    .option("--candidate <image>", "one")
    .option("--keep [time]", "perhaps one")
    .option("--cold", "none")
    .action(seen);
  refuseOddOptions(program);
  const words = ["run", "--karg", "a", "b", "--karg", "c", "--cold", "--cold"];
  const same = ["--candidate", "x", "--candidate", "x", "--keep", "--keep"];
  expect(await refusalOf(program, [...words, ...same])).toBeNull();
  expect(seen.mock.calls[0]?.[0]).toEqual({
    karg: ["a", "b", "c"],
    candidate: "x",
    keep: true,
    cold: true,
  });
});
