/** JUnit against the schema by a real validator: `xmllint` of libxml2-utils, a host package of the tests. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldRun } from "../../harness/log/run-model.ts";
import { junit } from "../../reports/junit.ts";
import { fullRun, greenRun, killedRun } from "../golden/report-events.ts";
import { hostileRun, hostileStrings } from "../golden/report-hostile.ts";
import { sampleInputs } from "../golden/report-inputs.ts";
import { randomTexts } from "../golden/report-random.ts";

const schema = new URL("../schema/junit.xsd", import.meta.url).pathname;
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bootgate-junit-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function validate(xml: string): Promise<string> {
  const path = join(directory, "junit.xml");
  await writeFile(path, xml);
  const { exitCode, stderr } = await execa(
    "xmllint",
    ["--noout", "--nonet", "--schema", schema, path],
    { reject: false },
  );
  if (exitCode === undefined) throw new Error("xmllint did not run: is libxml2-utils installed?");
  return exitCode === 0 ? "valid" : stderr;
}

const ask = async (xml: string, xpath: string): Promise<string> => {
  const path = join(directory, "asked.xml");
  await writeFile(path, xml);
  const { stdout } = await execa("xmllint", ["--nonet", "--xpath", xpath, path]);
  return stdout;
};

describe("JUnit is valid against the schema", () => {
  test.each([
    ["a full run", junit(foldRun(fullRun), sampleInputs)],
    ["a killed run", junit(foldRun(killedRun))],
    ["a green run", junit(foldRun(greenRun))],
    ["a run killed at its first event", junit(foldRun(killedRun.slice(0, 1)))],
  ])("%s", async (_name, xml) => {
    expect(await validate(xml)).toBe("valid");
  });

  test.each(Object.entries(hostileStrings))("a guest that prints %s", async (_name, text) => {
    const model = foldRun(hostileRun(text));
    const consoles = new Map([
      ["jobs/x/console.log", { lines: text.slice(0, 5000).split("\n"), firstLineNumber: 7 }],
    ]);
    const xml = junit(model, { consoles });
    expect(await validate(xml)).toBe("valid");
    expect(xml.length).toBeLessThan(700_000);
    // What the guest printed changed neither the number of cases nor their fate.
    expect(
      await ask(xml, "concat(count(//testcase), ' ', count(//skipped), ' ', count(//failure))"),
    ).toBe("2 1 1");
    expect(xml.match(/\[\[ATTACHMENT\|\/etc/i)).toBeNull();
  });

  test("guests that print what XML trips over, at random", async () => {
    const texts = randomTexts({ seed: 7, count: 200 });
    for (let first = 0; first < texts.length; first += 40) {
      const some = texts.slice(first, first + 40).join("|");
      const xml = junit(foldRun(hostileRun(some)), {
        consoles: new Map([["jobs/x/console.log", { lines: [some], firstLineNumber: 1 }]]),
      });
      expect(await validate(xml)).toBe("valid");
      expect(await ask(xml, "count(//testcase)")).toBe("2");
    }
  });

  test("and the validator can say no", async () => {
    const xml = junit(foldRun(fullRun));
    expect(await validate(xml.replace("<failure ", "<faulure "))).toMatch(/faulure/);
    expect(await validate(xml.replace(/ message="no board[^"]*"/, ""))).toMatch(/message/);
  });
});

test("every moment at which a run can be killed leaves valid JUnit that is not green", async () => {
  for (let length = 1; length < killedRun.length; length++) {
    const model = foldRun(killedRun.slice(0, length));
    expect(model.counts.passed).toBe(0);
    if (length % 4 === 1) expect(await validate(junit(model))).toBe("valid");
  }
});
