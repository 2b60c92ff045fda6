/** The fan-out of a plan in the words of each CI. */
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type FanOut, formatPlan } from "../../harness/gate/shards/plan-formats.ts";

describe("plan --format", () => {
  const fanOut: FanOut = {
    shards: [
      { jobs: [{ id: "a" }, { id: "b" }], expectedMs: 61_000 },
      { jobs: [{ id: "c" }], expectedMs: 60_000 },
    ],
    runWords: ["--candidate", "reference:v2", "--catalogue", "my images.yaml"],
    verdictWords: ["--policy", "gate.yaml"],
  };
  test("github and forgejo: one line for fromJSON", () => {
    const text = formatPlan("github", fanOut);
    expect(text).toMatch(/^[^\n]*\n$/);
    expect(JSON.parse(text)).toEqual({
      include: [
        { shard: "1/2", name: "1-of-2", jobs: 2, expectedMinutes: 2 },
        { shard: "2/2", name: "2-of-2", jobs: 1, expectedMinutes: 1 },
      ],
    });
    expect(formatPlan("forgejo", fanOut)).toBe(text);
  });
  test("gitlab: a child pipeline", async () => {
    const text = formatPlan("gitlab", fanOut);
    expect(parse(text).bootgate.parallel.matrix).toEqual([{ SHARD: ["1/2", "2/2"] }]);
    await expect(text).toMatchFileSnapshot("../golden/gate-plan-gitlab.txt");
  });
  test("tekton: a matrix task, and a task that judges what all of it left", async () => {
    const text = formatPlan("tekton", fanOut);
    const [boot, verdict] = parse(text);
    expect(boot.matrix.params).toEqual([{ name: "shard", value: ["1/2", "2/2"] }]);
    expect(verdict.runAfter).toEqual([boot.name]);
    expect(verdict.params).toEqual([{ name: "arguments", value: ["--policy", "gate.yaml"] }]);
    await expect(text).toMatchFileSnapshot("../golden/gate-plan-tekton.txt");
  });
  test("a word cannot become a command", () => {
    const hostile = { ...fanOut, runWords: ["--candidate", "x; rm -rf / #'$(id)\n"] };
    const script = parse(formatPlan("gitlab", hostile)).bootgate.script[0] as string;
    expect(script).toContain(`'x; rm -rf / #'\\''$(id)\n'`);
    expect(() => formatPlan("tekton", hostile)).toThrow(/Tekton would substitute/);
    const judged = { ...fanOut, verdictWords: ["--policy", "$(params.x)"] };
    expect(() => formatPlan("tekton", judged)).toThrow(/Tekton would substitute/);
  });
  test("nothing to run is refused", () => {
    expect(() => formatPlan("github", { ...fanOut, shards: [] })).toThrow(
      /does not have a job to fan out/,
    );
  });
});
