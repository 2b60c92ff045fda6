/** The stand-in on bootc's composefs backend, over a real repository, real boot entries and a real /etc, against what bootc 1.16.9 printed. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { composefsStory, digests, follows, images, next } from "./support/bootc-story.ts";
import { comparable, comparableShape, readTranscript, type Said } from "./support/transcripts.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Ended extends Said {
  readonly journal: readonly string[];
}
/** How things stand after a reboot. */
interface Look {
  readonly booted: string;
  readonly loader: Readonly<Record<string, string>>;
  readonly kernels: readonly string[];
  readonly images: readonly string[];
  readonly objects: number;
  readonly etc: Readonly<Record<string, string>>;
}
interface Told {
  readonly results: readonly Ended[];
  readonly finalized: readonly Ended[];
  /** One for each reboot. */
  readonly looks: readonly Look[];
}

async function tell(story: readonly unknown[], shipped: typeof images = images): Promise<Told> {
  const standin = here("../../images/reference/standin");
  const input = JSON.stringify({ standin, images: shipped, booted: digests.v1, follows, story });
  const world = here("support/standin_composefs_world.py");
  const run = await attemptCommand("python3", [world], { input });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout) as Told;
}

const run = (...words: string[]) => ({ run: words });
const v2 = { publish: [follows, digests.v2] };
const up = [v2, run("upgrade")];
const reboot = { reboot: true };

/** What only a machine can show is not the stand-in's to say. */
const spoken = composefsStory.filter(
  (step) => !("transcript" in step) || readTranscript(step.transcript).command.startsWith("bootc "),
);
const names = spoken.flatMap((step) => ("transcript" in step ? [step.transcript] : []));

describe("the stand-in says what real bootc said on the composefs backend", () => {
  let told: Told;
  beforeAll(async () => {
    told = await tell(
      spoken.map((step) =>
        "transcript" in step
          ? run(...readTranscript(step.transcript).command.split(" ").slice(1))
          : step,
      ),
    );
  });

  test.each(names)("%s", (name) => {
    const result = told.results[names.indexOf(name)];
    if (result === undefined) throw new Error("The story ended early.");
    const real = readTranscript(name);
    expect(comparableShape(result)).toEqual(comparableShape(real));
    expect(comparable(result).stdout.length).toBe(comparable(real).stdout.length);
  });

  test("at shutdown the journal has bootc's lines", () => {
    const said = told.finalized.flatMap(({ journal }) => journal);
    const real = readTranscript("b22-cmdline-v2").stdout;
    expect(said).toHaveLength(2);
    for (const line of said) expect(real).toContain(`]: ${line}\n`);
  });
});

describe("an upgrade over local changes, a rollback and two more updates", () => {
  let told: Told;
  const look = (number: number): Look => {
    const found = told.looks[number];
    if (found === undefined) throw new Error("The story ended early.");
    return found;
  };
  beforeAll(async () => {
    const edits = { etc: { "changed.conf": "mine", "removed.conf": null, "new/one": "1" } };
    told = await tell([
      ...[...up, edits, reboot],
      ...[{ etc: { "changed.conf": "later" } }, run("rollback"), reboot],
      ...[run("rollback"), reboot],
      // A rollback drops what is staged.
      ...[{ publish: [follows, digests.v3] }, run("upgrade"), run("rollback")],
      ...[run("status", "--json"), reboot],
      ...[run("rollback"), reboot, run("upgrade"), reboot],
    ]);
  });

  test("leave bootc's boot entries", () => {
    const { stdout } = readTranscript("b22-cmdline-v2");
    const real = stdout.slice(stdout.indexOf("title "), stdout.indexOf("default="));
    const plain = (text: string): string => text.replaceAll(/[0-9a-f]{128}/g, "VERITY");
    const { loader, kernels } = look(0);
    const entries = Object.entries(loader).map(([name, text]) => [plain(name), plain(text)]);
    const [first = "", second = ""] = plain(real).split(/(?<=-0\n)/);
    expect(Object.fromEntries(entries)).toEqual({
      "entries/bootc_debian-VERITY-1.conf": first,
      "entries/bootc_debian-VERITY-0.conf": second,
    });
    expect(kernels).toHaveLength(1);
  });

  test("merge /etc: what this machine changed stays, the rest is the new image's", () => {
    expect(look(0).booted).toBe(digests.v2);
    expect(look(0).etc).toEqual({
      ...{ "kept.conf": "kept=2026.2\n", "changed.conf": "mine", "new/one": "1" },
    });
  });

  test("give each deployment the /etc that it had", () => {
    expect(look(1).booted).toBe(digests.v1);
    expect(look(1).etc["changed.conf"]).toBe("mine");
    expect(look(2).etc["changed.conf"]).toBe("later");
  });

  test("drop what is staged at a rollback", () => {
    expect(told.results[5]?.stdout).toContain('"staged":null');
    expect(look(3).booted).toBe(digests.v1);
  });

  test("leave two generations, and nothing of the first", () => {
    const { booted, images: kept, loader, objects } = look(5);
    expect(booted).toBe(digests.v3);
    expect([kept.length, Object.keys(loader).length]).toEqual([2, 2]);
    expect(objects).toBe(look(0).objects);
    expect(told.results.map(({ exitCode }) => exitCode)).toEqual(Array(8).fill(0));
  });
});

test("what cannot be merged stops the upgrade, not the shutdown", async () => {
  const shipped = {
    ...images,
    [digests.v2]: { ...images[digests.v2], files: { "etc/site.conf/10-default.conf": "1" } },
  } as unknown as typeof images;
  const story = [{ etc: { "site.conf": "site" } }, ...up, run("status", "--json"), reboot];
  const { results, looks } = await tell(story, shipped);
  expect(results[0]).toMatchObject({ exitCode: 1, stdout: "" });
  expect(results[0]?.stderr).toMatch(
    /^error: Upgrading: .*Merge conflicts found in etc: File 'site\.conf' now defaults to a directory/,
  );
  expect(results[1]?.stdout).toContain('"staged":null');
  expect(looks[0]?.booted).toBe(digests.v1);
});

test("what was only downloaded is gone after a reboot, and stays when it is released", async () => {
  const down = [run("upgrade", "--download-only"), run("status", "--json")];
  const release = run("upgrade", "--from-downloaded");
  const { results, looks } = await tell([v2, ...down, reboot, ...down, release, reboot]);
  expect(results[1]?.stdout).toContain('"downloadOnly":true');
  const [gone, released] = looks;
  expect(gone?.booted).toBe(digests.v1);
  expect([gone?.images.length, Object.keys(gone?.loader ?? {}).length]).toEqual([1, 1]);
  expect(released?.booted).toBe(digests.v2);
});

test("an update that is staged already is neither staged again nor applied", async () => {
  const again = [run("upgrade"), run("upgrade", "--apply"), run("upgrade", "--check")];
  const { results } = await tell([...up, ...again, run("status", "--json")]);
  for (const { exitCode, stdout } of results.slice(1, 4))
    expect([exitCode, stdout]).toEqual([0, `No changes in staged image: ${follows}\n`]);
  expect(results[4]?.stdout).not.toContain('"staged":null');
});

test("switch boots another reference and follows it, and refuses what is booted already", async () => {
  const { results, looks } = await tell([
    ...[{ publish: [next, digests.v1] }, run("switch", next), run("switch", follows)],
    ...[{ publish: [next, digests.v2] }, run("switch", next), reboot, run("status")],
  ]);
  const [same, unchanged, other, status] = results;
  expect(same?.exitCode).toBe(1);
  expect(same?.stderr).toMatch(/same fs-verity digest as the existing booted deployment\.\n$/);
  expect(unchanged).toMatchObject({ exitCode: 0, stdout: "Image specification is unchanged.\n" });
  expect(other).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  expect(looks[0]?.booted).toBe(digests.v2);
  expect(status?.stdout).toContain(`image: ${next}`);
});

/** By fsverity-utils 1.6: `fsverity digest --hash-alg=sha512`. */
const digestsOfOthers = {
  empty:
    "ccf9e5aea1c2a64efa2f2354a6024b90dffde6bbc017825045dce374474e13d10adb9dadcc6ca8e17a3c075fbd31336e8f266ae6fa93a6c3bed66f9e784e5abf",
  "hello world":
    "18430270729d162d4e469daca123ae61893db4b0583d8f7081e3bf4f92b88ba514e7982f10733fb6aa895195c5ae8fd2eb2c47a8be05513ce5a0c51a6f570409",
  "many blocks":
    "471b357acfb35af2ab37fe2218b707cbae7729b1f35352fe5d4ab757165eaa1c09624164d52dd9897364865641abdc64907491177204c1810cae52c459fe6cbf",
};

test("the image and the digests are what others read and compute", async () => {
  await using workspace = await createWorkspace("erofs");
  const target = join(workspace.path, "image.erofs");
  const standin = here("../../images/reference/standin");
  const script = here("support/standin_erofs.py");
  const made = await attemptCommand("python3", [script, standin, target]);
  expect(made).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(made.stdout)).toEqual(digestsOfOthers);
  // Its exit code is 0 whatever it finds (erofs-utils 1.5).
  const { stdout, stderr } = spawnSync("fsck.erofs", [target], { encoding: "utf8" });
  expect(stdout + stderr).toMatch(/^(?:<I> [^\n]*No errors found\n)?$/);
  const ask = ["--path=/usr/large", target];
  const shown = spawnSync("dump.erofs", ask, { encoding: "utf8" }).stdout;
  expect(shown).toMatch(/Size: 5000000000 .*Links: 2/s);
});
