/** Reads the YAML files that people write (catalogue, policy, run files): size-limited, checked, errors by line. */
import type { z } from "zod";
import { UsageError } from "../base/errors.ts";
import { parseYaml } from "./parse-yaml.ts";
import { decodeText, readSmallFile } from "./read-small-file.ts";

export { parseYaml } from "./parse-yaml.ts";

const defaultMaxBytes = 1024 * 1024;

/**
 * The checked content of a YAML file of at most `maxBytes` (1 MiB). Throws one UsageError: the file is missing, a
 * folder, too large, binary or empty, or all that is wrong in it, each as `file:line:column: message`.
 */
export async function loadYaml<S extends z.ZodType>(
  path: string,
  schema: S,
  options: { readonly maxBytes?: number } = {},
): Promise<z.output<S>> {
  const what = "YAML file";
  const bytes = await readSmallFile(path, { what, maxBytes: options.maxBytes ?? defaultMaxBytes });
  const text = decodeText(bytes, path, what);
  if (text.trim() === "") throw new UsageError(`The YAML file '${path}' is empty.`);
  return parseYaml(text, path, schema);
}
