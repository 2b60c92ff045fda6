/**
 * The shapes of the Tekton and Konflux files under docs/ci, for which no package has a validator; strict, so that a key
 * that they do not have is found. Compared with the real types once: see docs/decisions/0007-ci-files-tried.md.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const folder = new URL("../../docs/ci/", import.meta.url).pathname;
export const readCiFile = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

/** The YAML of a section of the README, in its order. Throws for a section that is not there. */
export async function readmeYaml(heading: string): Promise<readonly string[]> {
  const sections = (await readCiFile("README.md")).split(/^## /m);
  const section = sections.find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`The README has no section '${heading}'.`);
  return [...section.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""]) => yaml);
}

const text = z.string().min(1);
const words = z.record(z.string(), z.string());
/** What runWorkflow reads of a workflow. Whether it is one is for GitHub's own parser to say, in ci-validators.ts. */
export const workflowShape = z.object({
  env: words.optional(),
  jobs: z.record(
    z.string(),
    z.object({
      needs: text.optional(),
      env: words.optional(),
      steps: z.array(
        z.object({
          uses: z
            .string()
            .regex(/^[\w./:-]+@v\d+$/)
            .optional(),
          with: z.record(z.string(), z.union([z.string(), z.boolean()])).optional(),
          if: z.literal("always()").optional(),
          env: words.optional(),
          run: text.optional(),
        }),
      ),
    }),
  ),
});

/** tekton.dev/docs/pipelines/tasks. */
const namedValue = z.strictObject({ name: text, value: z.string() });
const tektonParam = z.strictObject({
  name: text,
  type: z.enum(["string", "array"]),
  default: z.string().optional(),
  description: text.optional(),
});
const tektonStep = z.strictObject({
  name: text,
  image: text.optional(),
  workingDir: text.optional(),
  env: z.array(namedValue).optional(),
  args: z.array(text).optional(),
  script: z.string().regex(/^#!\/(?:bin\/sh|usr\/bin\/env node)\n/),
});
const tektonResult = z.strictObject({
  name: text,
  type: z.literal("string"),
  description: text.optional(),
});
export const taskSpec = z.strictObject({
  description: text.optional(),
  params: z.array(tektonParam),
  results: z.array(tektonResult).optional(),
  workspaces: z
    .array(z.strictObject({ name: text, optional: z.boolean().optional(), description: text }))
    .optional(),
  volumes: z.array(z.strictObject({ name: text, emptyDir: z.strictObject({}) })).optional(),
  stepTemplate: z
    .strictObject({
      image: text,
      workingDir: text,
      volumeMounts: z.array(z.strictObject({ name: text, mountPath: text })),
      env: z.array(namedValue),
    })
    .optional(),
  steps: z.array(tektonStep).min(1),
});
const named = z.strictObject({ name: z.string().regex(/^[a-z0-9-]+$/) });
const duration = z.string().regex(/^(?:\d+[hms])+$/);
export const taskSchema = z.strictObject({
  apiVersion: z.literal("tekton.dev/v1"),
  kind: z.literal("Task"),
  metadata: named,
  spec: taskSpec,
});
const gitResolver = z.strictObject({
  resolver: z.literal("git"),
  params: z
    .array(namedValue)
    .refine((all) =>
      ["url", "revision", "pathInRepo"].every((key) => all.some((one) => one.name === key)),
    ),
});
export const pipelineSchema = z.strictObject({
  apiVersion: z.literal("tekton.dev/v1"),
  kind: z.literal("Pipeline"),
  metadata: named,
  spec: z.strictObject({
    params: z.array(tektonParam),
    tasks: z.array(
      z.strictObject({
        name: text,
        timeout: text.optional(),
        params: z.array(namedValue),
        taskSpec: taskSpec.optional(),
        taskRef: gitResolver.optional(),
      }),
    ),
    results: z.array(namedValue),
  }),
});
const matrixParam = z.strictObject({ name: text, value: z.array(text).min(1) });
const pipelineTask = {
  name: text,
  taskRef: z.strictObject({ name: text }),
  params: z.array(z.strictObject({ name: text, value: z.array(text) })),
  workspaces: z.array(z.strictObject({ name: text, workspace: text })),
};
/** What `plan --format tekton` writes. */
export const fanOutSchema = z.tuple([
  z.strictObject({ ...pipelineTask, matrix: z.strictObject({ params: z.array(matrixParam) }) }),
  z.strictObject({ ...pipelineTask, runAfter: z.array(text) }),
]);
/** The v1beta2 object of Konflux's integration-service, with what its admission webhook asks for. */
export const scenarioSchema = z.strictObject({
  apiVersion: z.literal("appstudio.redhat.com/v1beta2"),
  kind: z.literal("IntegrationTestScenario"),
  metadata: z.strictObject({
    name: z.string().regex(/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
    namespace: text,
    annotations: z.strictObject({
      "test.appstudio.openshift.io/pipeline_timeout": duration,
      "test.appstudio.openshift.io/tasks_timeout": duration,
      "test.appstudio.openshift.io/finally_timeout": duration,
    }),
  }),
  spec: z.strictObject({
    application: z.string().regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/),
    contexts: z.array(z.strictObject({ name: text, description: text })).optional(),
    params: z.array(namedValue).refine((all) => all.every(({ name }) => name !== "SNAPSHOT")),
    resolverRef: gitResolver.refine(({ params }) =>
      params.every(({ name, value }) => name !== "url" || value.startsWith("https://")),
    ),
  }),
});
