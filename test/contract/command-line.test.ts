/** The command line as a person or a CI meets it: what it prints, and the exit code, for good and for bad words. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootgate, root } from "./support/command.ts";
import { bootgateHere } from "./support/in-process.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("good words", () => {
  test("list --json names every scenario with what it needs", async () => {
    const { code, stdout } = await bootgate(["list", "--json"]);
    expect(code).toBe(0);
    const rows = JSON.parse(stdout) as { id: string; needs: { images: string[] } }[];
    expect(rows.find(({ id }) => id === "bootc/upgrade-rollback")?.needs.images).toEqual([
      "previous",
      "candidate",
    ]);
  });

  test("list --suite names the scenarios of a suite, and `full` has all of them", async () => {
    const ids = async (...args: string[]): Promise<string[]> => {
      const { stdout } = await bootgateHere(["list", "--json", ...args]);
      return (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id);
    };
    expect(await ids("--suite", "full")).toEqual(await ids());
    expect(await ids("--suite", "gate")).toContain("bootc/upgrade-rollback");
  });

  test("--version and --help exit 0", async () => {
    expect((await bootgate(["--version"])).code).toBe(0);
    expect((await bootgateHere(["run", "--help"])).code).toBe(0);
  });

  test("images list names the reference OS", async () => {
    const { code, stdout } = await bootgateHere(["images", "list"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^reference:v2 +\S/m);
  });
});

describe("a reader that goes away", () => {
  test("is not a fault of bootgate: the work goes on to its exit code", async () => {
    const child = spawn(process.execPath, [join(root, "harness", "setup", "start.js"), "list"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    // Closed before a word was said, so that the first write already finds nobody.
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(stderr).not.toMatch(/EPIPE|at .*:\d+:\d+/);
    expect(code).toBe(0);
  });
});

describe("bad words are usage errors: exit 2, one sentence that helps, no stack", () => {
  test.each<[string, string[], RegExp]>([
    ["an unknown command", ["rn"], /unknown command 'rn'\n\(Did you mean run\?\)/],
    [
      "an unknown flag",
      ["run", "--candidat", "x"],
      /unknown option '--candidat'\n\(Did you mean --candidate\?\)/,
    ],
    [
      "an unknown scenario",
      ["run", "boot/helth", "--candidate", "reference:v2"],
      /scenario 'boot\/helth' does not exist\. Did you mean 'boot\/health'\?/,
    ],
    ["no image", ["run", "boot/health"], /No image was named/],
    [
      "a URL without a checksum",
      ["run", "boot/health", "--candidate", "https://localhost:1/os.raw.xz"],
      /checksum of 'https:\/\/localhost:1\/os.raw.xz' is not named/,
    ],
    [
      "a keyring without a list",
      ["run", "boot/health", "--candidate", "x.raw", "--keyring", "k.gpg"],
      /no signed list of checksums/,
    ],
    ["an unknown image", ["run", "boot/health", "--candidate", "referenc:v2"], /referenc/],
    ["an unknown version", ["run", "boot/health", "--candidate", "reference:v3"], /v3/],
    [
      "a missing disk",
      ["run", "boot/health", "--candidate", "/no/such/disk.qcow2"],
      /\/no\/such\/disk\.qcow2/,
    ],
    [
      "a choice that is none",
      ["run", "--machine", "vax", "--candidate", "x"],
      /Allowed choices are qemu/,
    ],
    [
      "two daemons",
      ["run", "--machine", "libvirt,libvirt:test:///default", "--candidate", "x"],
      /One daemon of libvirt at a time/,
    ],
    [
      "a list with a choice that is none",
      ["run", "--firmware", "uefi,efi", "--candidate", "x"],
      /Allowed choices are uefi, bios, uefi-secure-boot; several with commas/,
    ],
    [
      "a shell on two kinds of firmware",
      ["shell", "reference:v2", "--firmware", "uefi,bios"],
      /A shell is opened on one firmware/,
    ],
    [
      "a run over a channel that is left out, whose image is not even looked for",
      ["run", "--candidate", "nobody:v0", "--transport", "channel", "--no-channel"],
      /'--transport channel' and '--no-channel' exclude each other/,
    ],
    [
      "a shell over a channel that is left out",
      ["shell", "nobody:v0", "--transport", "channel", "--no-channel"],
      /'--transport channel' and '--no-channel' exclude each other/,
    ],
    [
      "an accelerator that is none",
      ["plan", "--accelerator", "hvf", "--candidate", "x"],
      /Allowed choices are auto, kvm, tcg/,
    ],
    [
      "a number that is none",
      ["run", "--jobs", "many", "--candidate", "x"],
      /Expected a whole number/,
    ],
    [
      "a time that is none",
      ["run", "--deadline", "soon", "--candidate", "x"],
      /Expected a duration such as 90s/,
    ],
    [
      "a time that no timer can keep",
      ["run", "--keep", `${"9".repeat(400)}h`, "--candidate", "x"],
      /of at most 24 days/,
    ],
    [
      "no shards at all",
      ["plan", "--shards", "0", "--candidate", "x"],
      /whole number from 1 to 1000/,
    ],
    ["a run that is none", ["report", "/no/such/run"], /not a run directory/],
  ])("%s", async (_, args, words) => {
    const { code, stderr } = await bootgateHere(args);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^ +at .*\.[jt]s:/m);
    expect(code).toBe(2);
  });

  test.each<[string, string[], RegExp]>([
    ["an unknown command", ["rn"], /unknown command 'rn'\n\(Did you mean run\?\)/],
    ["an unknown version", ["run", "boot/health", "--candidate", "reference:v3"], /v3/],
    [
      "pausing without a terminal",
      ["run", "boot/health", "--candidate", "reference:v2", "--pause-on-failure"],
      /standard input is not a terminal/,
    ],
  ])("%s, to the end of the process", async (_, args, words) => {
    const { code, stderr } = await bootgate(args);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^ +at .*\.[jt]s:/m);
    expect(code).toBe(2);
  });

  test("a file that is not an image says what it is", async () => {
    const path = join(folder, "page.qcow2");
    await writeFile(path, "<!DOCTYPE html><title>404</title>".repeat(100));
    const { code, stderr } = await bootgateHere(["run", "boot/health", "--candidate", path]);
    expect(stderr).toMatch(/page\.qcow2/);
    expect(code).toBe(2);
  });

  // The image is one that nobody has: it is not even looked for.
  test.each<[string, string[], RegExp]>([
    ["a shard that is none", ["--shard", "1/0"], /Expected a shard as i\/n/],
    ["a policy that is not there", ["--policy", "/no/such/gate.yaml"], /\/no\/such\/gate\.yaml/],
    ["known failures that are not there", ["--known", "/no/such.yaml"], /\/no\/such\.yaml/],
    ["a history that is none", ["--history", "/dev/null"], /'\/dev\/null' is not a regular file/],
    ["a folder for runs that is a file", ["--out", "package.json"], /cannot hold run directories/],
    [
      "a folder for runs below a file",
      ["--out", "package.json/runs"],
      /The folder '.*package\.json\/runs' cannot hold run directories: /,
    ],
  ])("%s is told before an image is touched", async (_, words, expected) => {
    const { code, stderr } = await bootgateHere(["run", "--candidate", "nobody:has", ...words]);
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/nobody|^ +at .*\.[jt]s:/m);
    expect(code).toBe(2);
  });

  test("a list of known failures that can never be right, for run and for plan", async () => {
    const path = join(folder, "known.yaml");
    await writeFile(
      path,
      "version: 1\nfailures:\n  - scenario: boot/helth\n    pattern: Kernel panic - not syncing\n    tracker: https://example.org/1\n    until: 2026-12-01\n",
    );
    for (const command of ["run", "plan"]) {
      const { code, stderr } = await bootgateHere([
        command,
        "--candidate",
        "nobody:has",
        "--known",
        path,
      ]);
      expect(stderr).toMatch(/known\.yaml' cannot be used[\s\S]*boot\/helth/);
      expect(code).toBe(2);
    }
  });

  test("the files of an installation are checked for a plan too", async () => {
    const short = join(folder, "short");
    await writeFile(short, "abc\n");
    for (const [option, file, words] of [
      ["--kickstart", "/no/such.ks", /The kickstart '\/no\/such\.ks' does not exist/],
      ["--passphrase-file", short, /has fewer than \d+ characters/],
    ] as const) {
      const { code, stderr } = await bootgate(["plan", "--candidate", "nobody:has", option, file]);
      expect(stderr).toMatch(words);
      expect(code).toBe(2);
    }
  });

  test("a plan is checked by the policy that it carries", async () => {
    const words = ["plan", "--candidate", "nobody:has", "--format", "github"];
    const { code, stderr } = await bootgateHere([...words, "--policy", "/no/such/gate.yaml"]);
    expect(stderr).toMatch(/\/no\/such\/gate\.yaml/);
    expect(code).toBe(2);
  });

  test("a catalogue with several faults tells all of them by line", async () => {
    const path = join(folder, "catalogue.yaml");
    await writeFile(
      path,
      "images:\n  one:\n    kind: filez\n  two:\n    kind: files\n    architecture: vax\n    disk: a.raw\n",
    );
    const { code, stderr } = await bootgateHere(["images", "list", "--catalogue", path]);
    expect(stderr).toMatch(/catalogue\.yaml:3:\d+/);
    expect(stderr).toMatch(/catalogue\.yaml:6:\d+/);
    expect(code).toBe(2);
  });
});

describe("a host that is not fit is broken, not failed: exit 3", () => {
  /** A folder for PATH that has these programs of the host and no others. */
  const folderWith = async (programs: readonly string[]): Promise<string> => {
    const bin = join(folder, `bin-${programs.join("-")}`);
    await mkdir(bin);
    for (const name of programs) await symlink(`/usr/bin/${name}`, join(bin, name));
    return bin;
  };

  test("without QEMU it says which package is missing", async () => {
    const bin = await folderWith(["flock", "setpriv"]);
    const env = { PATH: bin, XDG_CACHE_HOME: folder };
    const { code, stderr } = await bootgate(
      ["run", "boot/health", "--candidate", "reference:v2"],
      env,
    );
    expect(stderr).toMatch(/qemu/i);
    expect(code).toBe(3);
  });
});
