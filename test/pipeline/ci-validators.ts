/** What GitHub's own parser says of a workflow; Forgejo documents its workflows as near to GitHub's. */
import type * as WorkflowParser from "@actions/workflow-parser";
import { tsImport } from "tsx/esm/api";

// It imports JSON in a way that bundlers take and Node does not; tsx does.
const parser: typeof WorkflowParser = await tsImport("@actions/workflow-parser", import.meta.url);

/** Each thing that is wrong, with its line: keys, types, expressions, contexts and functions, jobs that do not exist. */
export async function workflowProblems(content: string): Promise<readonly string[]> {
  const trace = new parser.NoOperationTraceWriter();
  const { context, value } = parser.parseWorkflow({ name: "workflow", content }, trace);
  // What jobs need of each other is looked at when it is converted.
  if (value !== undefined) await parser.convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}
