/** A file that grows is followed, and let go of at the end. */
import { mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FileFollower } from "../../harness/machine/console/console-follower.ts";

const isOpen = async (path: string): Promise<boolean> => {
  const links = (await readdir("/proc/self/fd")).map((fd) =>
    readlink(`/proc/self/fd/${fd}`).catch(() => ""),
  );
  return (await Promise.all(links)).includes(path);
};

test("what is read after the end leaves nothing open, and what has come meanwhile is read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bootgate-follower-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "console.log");
  await writeFile(path, "one\n");
  let said = "";
  const follower = new FileFollower(path, {
    maxBytes: 1000,
    onFull: () => undefined,
    onBytes: (bytes) => {
      said += Buffer.from(bytes).toString();
    },
    fromStart: true,
  });
  follower.start();
  await follower.catchUp();
  expect(await isOpen(path)).toBe(true);
  await follower.stop();
  expect(await isOpen(path)).toBe(false);
  await writeFile(path, "two\n", { flag: "a" });
  await follower.catchUp();
  expect(said).toBe("one\ntwo\n");
  expect(await isOpen(path)).toBe(false);
});
