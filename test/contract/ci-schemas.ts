/** The shapes of the files under docs/ci, as far as they are used; strict, so a key that a CI does not have is found. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const folder = new URL("../../docs/ci/", import.meta.url).pathname;
export const readCiFile = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

const text = z.string().min(1);
const words = z.record(z.string(), z.string());
/** docs.github.com, "Workflow syntax"; Forgejo's is the same for what is used here. */
export const workflowSchema = z.strictObject({
  name: text,
  on: z.strictObject({
    workflow_dispatch: z.strictObject({
      inputs: z.record(
        z.string(),
        z.strictObject({
          description: text,
          required: z.boolean().optional(),
          default: text.optional(),
          type: z.enum(["string", "boolean", "number", "choice", "environment"]),
        }),
      ),
    }),
  }),
  permissions: z.record(z.string(), z.enum(["read", "write", "none"])).optional(),
  concurrency: z.strictObject({ group: text, "cancel-in-progress": z.boolean() }).optional(),
  env: words,
  jobs: z.record(
    z.string(),
    z.strictObject({
      needs: text.optional(),
      "runs-on": text,
      "timeout-minutes": z.number().int().positive(),
      environment: text.optional(),
      steps: z.array(
        z.strictObject({
          name: text.optional(),
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

/** docs.gitlab.com/ci/yaml. */
const gitlabJob = z.strictObject({
  stage: text,
  tags: z.array(text).optional(),
  timeout: text.optional(),
  cache: z
    .strictObject({
      key: z.strictObject({ files: z.array(text).max(2), prefix: text }),
      paths: z.array(text),
    })
    .optional(),
  needs: z.array(z.strictObject({ job: text, artifacts: z.boolean() })).optional(),
  environment: text.optional(),
  resource_group: text.optional(),
  before_script: z.array(text),
  script: z.array(text),
  after_script: z.array(text).optional(),
  artifacts: z
    .strictObject({
      when: z.enum(["always", "on_success", "on_failure"]),
      name: text,
      paths: z.array(text),
      reports: z.strictObject({ junit: text }),
    })
    .optional(),
});
export const gitlabSchema = z
  .object({
    stages: z.array(text),
    variables: words,
    default: z.strictObject({ image: text }),
  })
  .catchall(gitlabJob);

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
const named = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  namespace: text.optional(),
});
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
/** The v1beta2 object of Konflux's integration-service. */
export const scenarioSchema = z.strictObject({
  apiVersion: z.literal("appstudio.redhat.com/v1beta2"),
  kind: z.literal("IntegrationTestScenario"),
  metadata: named,
  spec: z.strictObject({
    application: text,
    contexts: z.array(z.strictObject({ name: text, description: text })),
    params: z.array(namedValue),
    resolverRef: gitResolver,
  }),
});
