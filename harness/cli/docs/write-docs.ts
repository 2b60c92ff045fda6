/** `npm run docs`: writes the generated pages. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../base/package-root.ts";
import { generatedDocs } from "./generated-docs.ts";

const folder = join(packageRoot, "docs");
for (const [name, content] of await generatedDocs()) await writeFile(join(folder, name), content);
