/** The command line of the stand-in's `bootc install`: clap's refusals, and what does not touch a disk. */
import { describe, expect, test } from "vitest";
import { useInstallWorld } from "./support/standin-install.ts";

const { play, playOne } = useInstallWorld();

describe("the command line of install", () => {
  const hint = "\n\nFor more information, try '--help'.\n";
  test.each([
    [["install"], /^Install the running container/],
    [
      ["install", "to-dusk"],
      /^error: unrecognized subcommand 'to-dusk'\n\nUsage: bootc install <COMMAND>/,
    ],
    [
      ["install", "to-disk"],
      /required arguments were not provided:\n {2}<DEVICE>\n\nUsage: bootc install to-disk <DEVICE>/,
    ],
    [
      ["install", "to-disk", "--nope", "/x"],
      /^error: unexpected argument '--nope' found\n\nUsage: bootc install to-disk \[OPTIONS\] <DEVICE>/,
    ],
    [
      ["install", "to-disk", "--filesystem=ext3", "/x"],
      /invalid value 'ext3' for '--filesystem <FILESYSTEM>'\n {2}\[possible values: xfs, ext4, btrfs\]\n\n {2}tip: a similar value exists: 'ext4'/,
    ],
    [["install", "to-disk", "/x", "/y"], /^error: unexpected argument '\/y' found/],
    [["install", "to-filesystem", "--replace=all", "/x"], /possible values: wipe, alongside/],
    [
      ["install", "to-filesystem", "--root-mount-spec"],
      /a value is required for '--root-mount-spec <ROOT_MOUNT_SPEC>'/,
    ],
  ])("%j", async (run, words) => {
    const ended = await playOne({ run });
    expect(ended.exitCode).toBe(2);
    expect(ended.said).toMatch(words);
    if (run.length > 1) expect(ended.said.endsWith(hint)).toBe(true);
  });

  test("print-configuration prints one line of canonical JSON, kernel arguments only with --all", async () => {
    const config = {
      "10-a.toml": '[install]\nroot-fs-type = "xfs"\nkargs = ["a=1"]\n',
      "20-b.toml": '[install.filesystem.root]\ntype = "ext4"\n[install]\nkargs = ["b=1"]\n',
      "30-c.toml": '[install]\nmatch-architectures = ["s390x"]\nroot-fs-type = "btrfs"\n',
    };
    const [plain, all] = await play([
      { run: ["install", "print-configuration"], config },
      { run: ["install", "print-configuration", "--all"], config },
    ]);
    expect(plain?.said).not.toContain("kargs");
    expect(plain?.said).toMatch(
      /^\{"block":\["direct"\],.*"filesystem":\{"root":\{"type":"ext4"\}\}.*\}$/,
    );
    expect(JSON.parse(all?.said ?? "")).toMatchObject({
      kargs: ["a=1", "b=1"],
      "root-fs-type": "ext4",
    });
  });

  test("finalize wants a deployment", async () => {
    const ended = await playOne({ run: ["install", "finalize", "{root}/target"] });
    expect(ended).toMatchObject({ exitCode: 1 });
    expect(ended.said).toMatch(/^error: /);
  });
});
