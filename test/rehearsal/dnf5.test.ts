/** Stories of dnf5 where there is nothing to judge, or somebody else is to blame. */
import { expect, test } from "vitest";
import { HostUnfit, MachineFault } from "../../harness/base/errors.ts";
import { dnf5Caught } from "./dnf5-stories.ts";
import { rehearse } from "./rehearse.ts";

test.each(Object.keys(dnf5Caught))("%s is skipped where there is no dnf5", async (id) => {
  const { outcome } = await rehearse(id, "dnf-missing");
  expect(outcome).toEqual({ kind: "skipped", reason: "The image does not have dnf5." });
});

test("an image that is known not to have dnf5 is not booted for it", async () => {
  const catalogue = { entry: "mine", promises: [], lacks: ["dnf5"] } as const;
  const { outcome, attempts } = await rehearse("dnf5/transient", null, { catalogue });
  expect(outcome.kind).toBe("skipped");
  expect(attempts).toEqual([]);
});

test.each([
  new MachineFault("The harness's file server died in mid-run."),
  new HostUnfit("This host cannot make RPM packages: 'rpmbuild' cannot be run."),
])("a repository that dies is nobody's failure: $name", async (error) => {
  const died = Promise.reject(error);
  died.catch(() => undefined);
  const { outcome } = await rehearse("dnf5/transient", null, { died });
  expect(outcome.kind).toBe("broken");
});
