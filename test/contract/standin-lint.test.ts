/** `bootc container lint` of the stand-in: what the real one said of a booted system, and each way an image fails by it. */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { comparable, readTranscript, type Said } from "./support/transcripts.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type Root = Readonly<Record<string, string | null>>;
interface Case {
  readonly root: Root;
  readonly options?: readonly string[];
  readonly isRunning?: boolean;
  readonly mounts?: readonly string[];
}

/** An image that nothing is wrong with. */
const good: Root = {
  boot: null,
  dev: null,
  proc: null,
  run: null,
  sys: null,
  tmp: null,
  sysroot: null,
  var: null,
  ostree: "-> sysroot/ostree",
  "etc/passwd": "root:x:0:0::/root:/bin/sh\nguest:x:900:900::/:/bin/sh\n",
  "usr/lib/sysusers.d/guest.conf": "# A user\nu guest 900\n",
  "usr/lib/ostree/prepare-root.conf": "[composefs]\nenabled = yes\n",
  "usr/lib/modules/7/vmlinuz": "kernel",
};

/** The system that the transcript was recorded on, as far as it tells. */
const recorded: Case = {
  isRunning: true,
  mounts: ["var", "run", "tmp", "boot"],
  root: {
    ...good,
    "usr/etc/passwd": "",
    ...Object.fromEntries(
      ["boot", "efi", "grub2", "loader", "loader.1", "ostree"].map((name) => [
        `boot/${name}`,
        null,
      ]),
    ),
    "boot/bootupd-state.json": "{}",
    "var/log/journal/adaae417c03f400a81a4388c3c161b1f/system.journal": "x",
    "var/.ostree-selabeled": "",
    "usr/lib/tmpfiles.d/var.conf": "d /var/log 0755 - - -\n",
  },
};

/** What is wrong with an image → the options, the exit code and what is said of it. */
const wrong: readonly [string, Case, number, RegExp, RegExp][] = [
  ["nothing", { root: good }, 0, /^Checks passed: 13\nChecks skipped: 1\n$/, /^$/],
  [
    "/var/run is a folder",
    { root: { ...good, "var/run": null } },
    1,
    /^Failed lint: var-run: Not a symlink: var\/run$/m,
    /^error: Linting: Checks failed: 1\n$/,
  ],
  [
    "a folder of an API file system is missing",
    { root: { ...good, "!sys": null } },
    1,
    /^Failed lint: api-base-directories: Missing API filesystem base directory: \/sys$/m,
    /Checks failed: 1/,
  ],
  [
    "/ostree leads elsewhere",
    { root: { ...good, "!ostree": null, "ostree/x": "" } },
    1,
    /^Failed lint: baseimage-root: /m,
    /Checks failed: 1/,
  ],
  [
    "kernel arguments that cannot be read",
    { root: { ...good, "usr/lib/bootc/kargs.d/10-x.toml": "kargs = [" } },
    1,
    /^$/,
    /^error: Linting: Unexpected runtime error running lint bootc-kargs: Parsing 10-x\.toml/,
  ],
  [
    "two kernels",
    { root: { ...good, "usr/lib/modules/6/vmlinuz": "old" } },
    1,
    /^$/,
    /^error: Linting: Unexpected runtime error running lint kernel: Found multiple subdirectories in usr\/lib\/modules\n$/,
  ],
  [
    "a name that is not UTF-8",
    { root: { ...good, "usr/share/a\u00ff": "" } },
    1,
    /^Failed lint: utf8: \/usr\/share: Found non-utf8 filename "a\\xFF"$/m,
    /Checks failed: 1/,
  ],
  [
    "both /etc and /usr/etc",
    { root: { ...good, "usr/etc": null } },
    1,
    /^Failed lint: etc-usretc: Found \/usr\/etc/m,
    /Checks failed: 1/,
  ],
  [
    "what is skipped is not looked at",
    { root: { ...good, "usr/etc": null }, options: ["--skip", "etc-usretc", "--skip=kernel"] },
    0,
    /^Checks passed: 11\nChecks skipped: 3\n$/,
    /^$/,
  ],
  [
    "a warning",
    { root: { ...good, "run/dnf/x": "" } },
    0,
    /^Lint warning: nonempty-run-tmp: Found content in runtime-only directories \(\/run, \/tmp\):\n {2}\/run\/dnf\n {2}\/run\/dnf\/x\n\nChecks passed: 12\nChecks skipped: 1\nWarnings: 1\n$/,
    /^$/,
  ],
  [
    "a warning that is fatal",
    { root: { ...good, "etc/group": "wheel:x:10:\n" }, options: ["--fatal-warnings"] },
    1,
    /^Lint warning: sysusers: Found \/etc\/group entry without corresponding systemd sysusers\.d:\n {2}wheel\n\n/,
    /^error: Linting: Checks failed: 1\n$/,
  ],
  [
    "composefs that is not enabled",
    { root: { ...good, "usr/lib/ostree/prepare-root.conf": "[composefs]\nenabled = no\n" } },
    0,
    /^Lint warning: baseimage-composefs: ostree\/prepare-root\.conf does not have composefs enabled$/m,
    /^$/,
  ],
  [
    "a root that is not there",
    { root: good, options: ["--rootfs", "/nonexistent/root"] },
    1,
    /^$/,
    /^error: \/nonexistent\/root: No such file/,
  ],
  [
    "an option that it does not have",
    { root: good, options: ["--strict"] },
    2,
    /^$/,
    /unexpected argument '--strict'/,
  ],
];

let told: readonly Said[];
beforeAll(async () => {
  const cases = [recorded, ...wrong.map(([, one]) => one), { root: good, options: ["--list"] }].map(
    (one: Case) => ({ options: [], isRunning: false, mounts: [], ...one }),
  );
  const run = await attemptCommand("python3", [here("support/standin_lint.py")], {
    input: JSON.stringify({ standin: here("../../images/reference/standin"), cases }),
  });
  expect(run.stderr).toBe("");
  told = JSON.parse(run.stdout) as Said[];
});

test("of a booted system it says what bootc 1.16.9 said", () => {
  const said = told[0];
  if (said === undefined) throw new Error("Nothing was told.");
  expect(comparable(said)).toEqual(comparable(readTranscript("23-container-lint-on-host")));
});

describe("an image", () => {
  test.each(wrong.map(([name], index) => [name, index] as const))("with %s", (_name, index) => {
    const [, , exitCode, stdout, stderr] = wrong[index] ?? [];
    const said = told[index + 1];
    expect(said?.exitCode).toBe(exitCode);
    expect(said?.stdout).toMatch(stdout ?? "");
    expect(said?.stderr).toMatch(stderr ?? "");
  });
});

test("its checks are those of 1.16.9, each fatal where that one is", () => {
  const listed = told.at(-1)?.stdout ?? "";
  const fatal = [...listed.matchAll(/name: (.*)\n {2}type: fatal/g)].map(([, name]) => name);
  expect([...listed.matchAll(/^- name: /gm)]).toHaveLength(14);
  expect(fatal).toEqual([
    "api-base-directories",
    "baseimage-root",
    "bootc-kargs",
    "etc-usretc",
    "kernel",
    "utf8",
    "var-run",
  ]);
});
