/** A folder for runs that cannot be made: whose fault it is. */
import { expect, test } from "vitest";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { unusableOut } from "../../harness/engine/run-directory.ts";

test.each([
  ["ENOSPC", HostUnfit],
  ["EDQUOT", HostUnfit],
  ["ENOTDIR", UsageError],
])("%s", (code, kind) => {
  const error = unusableOut("/out", Object.assign(new Error(code), { code }));
  expect(error).toBeInstanceOf(kind);
  expect(error.headline).toContain("The folder '/out' cannot hold run directories");
});
