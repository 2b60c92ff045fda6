/** Generated pages must be what the program declares now. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generatedDocs } from "../../harness/cli/docs/generated-docs.ts";

test("the generated pages are fresh (npm run docs)", async () => {
  for (const [name, content] of await generatedDocs()) {
    const onDisk = readFileSync(join(import.meta.dirname, "..", "..", "docs", name), "utf8");
    expect(onDisk, `docs/${name}`).toBe(content);
  }
});
