/** The run for other programs: `results.json`, the model itself with a version, and its JSON schema. */
import { z } from "zod";
import { type RunModel, runModelSchema } from "../harness/log/model-schema.ts";

export const resultsVersion = 1;

export const resultsSchema = z.object({
  version: z.literal(resultsVersion),
  ...runModelSchema.shape,
});

/** `results.json`, keys in the schema's order. */
export function results(model: RunModel): string {
  return `${JSON.stringify({ version: resultsVersion, ...model }, null, 2)}\n`;
}

/** The JSON schema of `results.json`, as kept in `docs/schema/results.schema.json`. */
export function resultsJsonSchema(): string {
  const schema = z.toJSONSchema(resultsSchema, { target: "draft-2020-12" });
  return `${JSON.stringify({ title: "bootgate results.json", ...schema }, null, 2)}\n`;
}
