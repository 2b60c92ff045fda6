/** The stand-in `rpm-ostree`: what it makes of origins and commits, read by the product's own reader, and what it refuses. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import {
  changeRows,
  localChanges,
  type RpmOstreeDeployment,
  rpmOstreeStatus,
} from "../../harness/guest/tools/rpm-ostree.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Of the deployment that was staged last. */
  readonly origin: string | null;
  readonly status: unknown;
  readonly text: string;
  /** What bootc says of the first deployment. */
  readonly incompatible: boolean;
}

/** Runs these one after the other on a host whose base has lib 1, shell 1 and needs-shell 1. */
const play = (...commands: readonly string[]): Promise<Ended[]> => playWhere([], commands);

/** The same where some of these came to the base after it was composed. */
async function playWhere(later: readonly string[], commands: readonly string[]): Promise<Ended[]> {
  const run = await attemptCommand("python3", [here("support/standin_rpm_ostree.py")], {
    input: JSON.stringify({
      standin: here("../../images/reference/standin"),
      later,
      commands: commands.map((line) => line.split(" ")),
    }),
  });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout) as Ended[];
}

/** How the last one ended. */
async function last(...commands: readonly string[]): Promise<Ended> {
  const end = (await play(...commands)).at(-1);
  if (end === undefined) throw new Error("Nothing was run.");
  return end;
}

const first = ({ status }: Ended): RpmOstreeDeployment => {
  const [one] = rpmOstreeStatus.parse(status).deployments;
  if (one === undefined) throw new Error("Deployments are missing.");
  return one;
};
const rowsOf = (end: Ended) => changeRows(localChanges(first(end)));

const own =
  "[origin]\ncontainer-image-reference=ostree-unverified-registry:registry.example/os:stable\n";

test("what was layered is told as by the real one, and bootc's sees it", async () => {
  const end = await last("install /files/tool@1.rpm");
  expect(end.code, end.stderr).toBe(0);
  expect(end.origin).toBe(`${own}\n[packages]\nrequested-local=tool@1:tool-1-1.noarch;\n`);
  expect(end.stdout).toContain("Added:\n  tool-1-1.noarch\nChanges queued for next boot.");
  expect(rowsOf(end)).toEqual([{ what: "package from a file", names: ["tool-1-1.noarch"] }]);
  expect(first(end)).toMatchObject({
    staged: true,
    "base-checksum": "1".repeat(64),
    "base-version": "v1",
    "container-image-reference": "ostree-unverified-registry:registry.example/os:stable",
    "container-image-reference-digest": "sha256:1111",
  });
  expect(end.incompatible).toBe(true);
});

test("a package of the base is replaced, one removed and one layered by one command", async () => {
  const end = await last(
    "override replace /files/lib@2.rpm --remove needs-shell --install=/files/tool@1.rpm",
  );
  expect(end.code, end.stderr).toBe(0);
  expect(end.origin).toBe(
    `${own}\n[packages]\nrequested-local=tool@1:tool-1-1.noarch;\n\n[overrides]\nremove=needs-shell;\nreplace-local=lib@2:lib-2-1.noarch;\n`,
  );
  expect(end.stdout.split("\n").slice(-9)).toEqual([
    "Upgraded:",
    "  lib 1-1 -> 2-1",
    "Removed:",
    "  needs-shell-1-1.noarch",
    "Added:",
    "  tool-1-1.noarch",
    'Use "rpm-ostree override reset" to undo overrides',
    'Run "systemctl reboot" to start a reboot',
    "",
  ]);
  expect(rowsOf(end)).toEqual([
    { what: "package from a file", names: ["tool-1-1.noarch"] },
    { what: "package removed from the base", names: ["needs-shell"] },
    { what: "package of the base replaced from a file", names: ["lib-2-1.noarch"] },
  ]);
  const [told] = (end.status as { deployments: Record<string, unknown>[] }).deployments;
  const lib = (version: string) => [`lib-${version}-1.noarch`, "lib", 0, version, "1", "noarch"];
  expect(told).toMatchObject({
    "base-removals": [["needs-shell-1-1.noarch", "needs-shell", 0, "1", "1", "noarch"]],
    "base-local-replacements": [[lib("2"), lib("1")]],
  });
  expect(end.text).toContain("RemovedBasePackages: needs-shell 1-1");
  expect(end.text).toContain("LocalOverrides: lib 1-1 -> 2-1");
  expect(end.incompatible).toBe(true);
});

test("overrides are reset by name, by NEVRA and all at once, and what was layered stays", async () => {
  const made = "override replace /files/lib@2.rpm --remove needs-shell --install /files/tool@1.rpm";
  const [, byName, byNevra] = await play(
    made,
    "override reset needs-shell",
    "override reset lib-2-1.noarch",
  );
  expect(byName?.stdout).toContain("Added:\n  needs-shell-1-1.noarch\nRun");
  expect(byNevra?.stdout).toContain("Downgraded:\n  lib 2-1 -> 1-1\nRun");
  const layeredOnly = `${own}\n[packages]\nrequested-local=tool@1:tool-1-1.noarch;\n`;
  expect(byNevra?.origin).toBe(layeredOnly);
  expect((await last(made, "override reset --all")).origin).toBe(layeredOnly);
  expect((await last(made, "reset --overrides")).origin).toBe(layeredOnly);
  expect((await last(made, "reset --overlays")).origin).toBe(
    `${own}\n[overrides]\nremove=needs-shell;\nreplace-local=lib@2:lib-2-1.noarch;\n`,
  );
  const all = await last(made, "reset");
  expect(all.origin).toBe(own);
  expect([all.incompatible, rowsOf(all)]).toEqual([false, []]);
  expect(first(all).checksum).toBe("1".repeat(64));
});

test("a later replacement takes the place of an earlier one", async () => {
  const end = await last("override replace /files/lib@3.rpm", "override replace /files/lib@2.rpm");
  expect(end.origin).toContain("replace-local=lib@2:lib-2-1.noarch;\n");
  expect(end.stdout).toContain("Downgraded:\n  lib 3-1 -> 2-1\n");
});

test("what came to the base after it was composed is neither replaced nor removed", async () => {
  const line = "override replace /files/lib@2.rpm --remove=needs-shell";
  const [end] = await playWhere(["lib", "needs-shell"], [line]);
  expect(end?.code, end?.stderr).toBe(0);
  expect(end?.stdout).toContain("Inactive base removals:\n  needs-shell\n");
  expect(end?.stdout).toContain("Inactive base replacements:\n  lib-2-1.noarch\n");
  expect(end && first(end)).toMatchObject({
    checksum: "1".repeat(64),
    "requested-base-removals": ["needs-shell"],
    "base-removals": [],
    "base-local-replacements": [],
  });
});

test("a replacement of what the base does not have is kept and does nothing", async () => {
  const end = await last("override replace /files/other@1.rpm /files/lib@1.rpm");
  expect(end.code, end.stderr).toBe(0);
  expect(end.stdout).toContain(
    "Inactive base replacements:\n  other-1-1.noarch\n  lib-1-1.noarch\n",
  );
  expect(first(end)).toMatchObject({
    checksum: "1".repeat(64),
    "requested-base-local-replacements": ["lib-1-1.noarch", "other-1-1.noarch"],
    "base-local-replacements": [],
  });
  expect(end.incompatible).toBe(true);
});

test.each([
  ["override remove nothing-such", 'Package "nothing-such" not found'],
  ["override remove", "At least one PACKAGE must be specified"],
  ["override replace lib", "Non-local replacement overrides not implemented yet"],
  ["override reset lib", "No overrides for package 'lib'"],
  ["override reset", "At least one PACKAGE must be specified"],
  ["override reset --all lib", "Cannot specify PACKAGEs with --all"],
  [
    "override remove shell",
    "Could not depsolve transaction; 1 problem detected:\n Problem: Failed dependencies:\n\tshell is needed by (installed) needs-shell-1-1.noarch",
  ],
  ["install /files/lib@1.rpm", "Package 'lib-1-1.noarch' is already in the base"],
  ["install /files/lib@2.rpm", "Some base packages would be replaced"],
  [
    "override remove lib --install /files/lib@2.rpm",
    "Could not depsolve transaction; 1 problem detected:\n Problem: conflicting requests",
  ],
  [
    "override replace /files/lib@2.rpm --remove lib",
    "Could not depsolve transaction; 1 problem detected:\n Problem: conflicting requests",
  ],
  ["uninstall lib", "Package/capability 'lib' is not currently requested"],
  [
    "install /nowhere/x.rpm",
    'Can\'t open file "/nowhere/x.rpm" for reading: No such file or directory',
  ],
  ["unbooted status", "This system was not booted via libostree; cannot operate"],
  [
    "install htop",
    "'rpm-ostree install htop' is not in bootgate's stand-in for rpm-ostree; the real rpm-ostree has it",
  ],
  [
    "override replace --experimental --from=repo=x lib",
    "'rpm-ostree override replace --experimental' is not in bootgate's stand-in for rpm-ostree; the real rpm-ostree has it",
  ],
  [
    "rebase x",
    "'rpm-ostree rebase' is not in bootgate's stand-in for rpm-ostree; the real rpm-ostree has it",
  ],
])("'rpm-ostree %s' is refused, and nothing is staged", async (line, why) => {
  const { code, stderr, origin } = await last(line);
  expect([code, stderr, origin]).toEqual([1, `error: ${why}\n`, null]);
});

test("what is overridden or layered twice is refused", async () => {
  const twice = async (line: string): Promise<string> => (await last(line, line)).stderr;
  expect(await twice("override remove lib")).toBe(
    "error: Override already exists for package 'lib'\n",
  );
  expect(await twice("install /files/tool@1.rpm")).toBe(
    "error: Package 'tool-1-1.noarch' is already layered\n",
  );
});
