// A user who is in no passwd file, as clusters start containers, in a user namespace.
import { join } from "node:path";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { root } from "./support/command.ts";

/** Whether KVM works is not the question here. */
const quick = ["--kvm-probe-seconds", "1"];
const start = join(root, "harness/setup/start.js");
const asUnknown = (env: readonly string[], ...args: readonly string[]) =>
  attemptCommand("unshare", [
    ...["--user", "--map-user=54321", "--map-group=0", "env", ...env],
    ...[process.execPath, start, ...args],
  ]);

test("has all that bootgate needs but a home, which is said", async () => {
  await using folder = await createWorkspace("nobody");
  const cache = `XDG_CACHE_HOME=${join(folder.path, "cache")}`;
  const listed = await asUnknown(["-u", "HOME", cache], "images", "list");
  expect(listed).toMatchObject({ exitCode: 0, stderr: "" });
  expect(listed.stdout).toMatch(/^reference:v2 +not yet run/m);
  const { stdout, stderr } = await asUnknown(["-u", "HOME", cache], "doctor", "--json", ...quick);
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ what: "user namespaces" }));
  const homeless = await asUnknown(["-u", "HOME", "-u", "XDG_CACHE_HOME"], "doctor");
  expect(homeless.exitCode).toBe(3);
  expect(homeless.stderr).toMatch(
    /The user 54321 does not have a home folder\.\n +to do +set XDG_CACHE_HOME/,
  );
});
