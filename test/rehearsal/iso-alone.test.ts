/** An installer ISO without an OCI image named beside it: what was installed is held against the image that it carries. */
import { expect, test } from "vitest";
import { errorOf } from "../../harness/log/model-schema.ts";
import { rehearse } from "./rehearse.ts";

const step = "the installed system is the image that the ISO carries";

test("the image that the ISO carries is what has to be installed", async () => {
  const { outcome, attempts } = await rehearse("install/kickstart", null, { isIsoAlone: true });
  expect(outcome).toEqual({ kind: "passed" });
  expect(attempts[0]?.steps.map(({ name }) => name)).toContain(step);
});

test("another image than the ISO carries has failed", async () => {
  const job = await rehearse("install/kickstart", "installs-another", { isIsoAlone: true });
  expect(job.outcome.kind).toBe("failed");
  expect(errorOf(job.outcome)?.message).toMatch(/does not have the expected booted deployment/);
  const failed = job.attempts[0]?.steps.filter(({ outcome }) => outcome?.kind === "failed");
  expect(failed?.map(({ name }) => name)).toEqual([step]);
});
