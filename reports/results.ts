/** The run for other programs: `results.json`, the model itself with a version, and its JSON schema. */
import { z } from "zod";
import { UsageError } from "../harness/base/errors.ts";
import { oneLine } from "./clean-text.ts";
import { type RunModel, runModelSchema } from "./model-schema.ts";

export const resultsVersion = 1;

const resultsSchema = z.object({
  version: z.literal(resultsVersion),
  ...runModelSchema.shape,
});

/** `results.json`, keys in the schema's order. */
export function results(model: RunModel): string {
  return `${JSON.stringify({ version: resultsVersion, ...model }, null, 2)}\n`;
}

/** Reads a `results.json` back, for example to compare with a previous run; `name` is the file, for messages. */
export function parseResults(text: string, name: string): RunModel {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`'${name}' is not JSON: ${oneLine(String(error))}.`, { cause: error });
  }
  const parsed = resultsSchema.safeParse(data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UsageError(
      `'${name}' is not a results file of version ${resultsVersion}: ${oneLine(issue?.path.join(".") ?? "")} ${issue?.message ?? ""}.`,
    );
  }
  const { version: _version, ...model } = parsed.data;
  return model;
}

/** The JSON schema of `results.json`, as kept in `docs/schema/results.schema.json`. */
export function resultsJsonSchema(): string {
  const schema = z.toJSONSchema(resultsSchema, { target: "draft-2020-12" });
  return `${JSON.stringify({ title: "bootgate results.json", ...schema }, null, 2)}\n`;
}
