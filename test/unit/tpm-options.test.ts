/** Which machines of a run have a TPM, by the command line and by a matrix. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { askedTpm, tpmOfMachine } from "../../harness/cli/wiring/tpm-options.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-tpm-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("none, a new one, and one whose state is named", async () => {
  const path = join(folder, "tpm2-00.permall");
  await writeFile(path, "kept");
  expect(await askedTpm({})).toBeUndefined();
  expect(await askedTpm({ tpm: true })).toEqual({});
  const contentDigest = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(await askedTpm({ tpmState: path })).toEqual({ state: { path, contentDigest } });
  await expect(askedTpm({ tpmState: join(folder, "absent") })).rejects.toThrow(UsageError);
});

test("a matrix's machine decides for itself, and takes the state that the command line names", () => {
  const state = { state: { path: "/tpm", contentDigest: "1" } };
  expect(tpmOfMachine(undefined, undefined)).toBeUndefined();
  expect(tpmOfMachine(undefined, state)).toEqual(state);
  expect(tpmOfMachine(true, undefined)).toEqual({});
  expect(tpmOfMachine(true, state)).toEqual(state);
  expect(tpmOfMachine(false, state)).toBeUndefined();
});
