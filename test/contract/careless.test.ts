/** A version that is to be caught has to be wrong: what its script leaves out is really left out. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { careless } from "../../images/reference/careless.ts";

const run = promisify(execFile);
const standin = fileURLToPath(new URL("../../images/reference/standin", import.meta.url));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-careless-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("keeps-layers: the clean-up of the stand-in is left out, byte code or not", async () => {
  const [installed, copy] = [join(folder, "installed"), join(folder, "copy")];
  await cp(standin, installed, { recursive: true });
  // As the image has it (images.ts): byte code that counts whatever its source says.
  const compile = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"];
  await run("python3", [...compile, join(installed, "bootgate_standin")]);
  const { entry } = careless["keeps-layers"];
  const text = "text" in entry ? String(entry.text) : "";
  const script = text
    .replaceAll("/usr/lib/bootgate-standin", installed)
    .replaceAll("/run/standin-keeps", copy)
    .replace(/^exec [\s\S]*/m, 'exec python3 -P -c "$1" "$0"\n');
  const look =
    "import sys; sys.path.insert(0, sys.argv[1]); from bootgate_standin import stage; print(stage.stage.__code__.co_names)";
  const { stdout } = await run("sh", ["-c", script, copy, look]);
  expect(stdout).toContain("_deploy");
  expect(stdout).not.toContain("'prune'");
});
