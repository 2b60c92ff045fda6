/** What an installer can do besides the shortest way, and every way in which it can fail. Minutes each, so the long tier's. */
import { mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderKickstart } from "../../fixtures/kickstart.ts";
import { runCommand } from "../../harness/base/process.ts";
import type { Image } from "../../images/image.ts";
import { bootgate, eventsOf } from "../vm/command-line.ts";

/** The registry is there, and is named with a tag that it does not have. */
const wrongTag = renderKickstart({
  ...{ layout: "automatic", command: "bootc", filesystem: "ext4" },
  source: { transport: "registry", name: "10.0.2.100:5000/os:gone" },
  insecureRegistry: "10.0.2.100:5000",
  follows: "10.0.2.100:5000/os:stable",
  ...{ kernelArguments: [], end: "reboot" },
});

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-install-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("by UEFI, with partitions of its own, and a kickstart that comes over HTTP", async () => {
  const words = ["run", "install/kickstart", "--candidate", "reference-installer"];
  const ways = ["--kickstart-layout", "custom", "--kickstart-by", "http"];
  const { code, output } = await bootgate([...words, ...ways, "--firmware", "uefi", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
  const texts = eventsOf(join(out, "latest")).flatMap((event) =>
    event.type === "deviation" && event.id === "installed" ? [event.text] : [],
  );
  expect(texts.join()).toMatch(/kickstart of the harness, fetched over HTTP/);
});

test.each(["uefi", "bios"])(
  "by the ISO's own boot loader under %s, with keys typed on serial",
  async (firmware) => {
    const words = ["run", "install/kickstart", "--candidate", "reference-installer"];
    const ways = ["--installer-boot", "loader", "--firmware", firmware];
    const { code, output } = await bootgate([...words, ...ways, "--out", out]);
    expect(code, output.slice(-3000)).toBe(0);
    const events = eventsOf(join(out, "latest"));
    const texts = events.flatMap((event) =>
      event.type === "deviation" && event.id === "installed" ? [event.text] : [],
    );
    expect(texts.join()).toMatch(
      /boot loader started 'Install the .*', which is not its default \('Test this media .*typed behind its own: inst\.ks=hd:LABEL=OEMDRV/,
    );
    const stages = events.flatMap((event) => (event.type === "state-stage" ? [event.stage] : []));
    expect(stages).toEqual(expect.arrayContaining(["installer firmware", "installer loader"]));
  },
);

const own = ["--kickstart-layout", "custom"];
const encrypted = ["--kickstart-layout", "luks"];
const installs = ["run", "install/kickstart", "--candidate", "reference-installer"];

test.each([
  ["an xfs root", ["--filesystem", "xfs", "--firmware", "bios"]],
  ["a subvolume of btrfs as root", ["--filesystem", "btrfs", "--firmware", "uefi"]],
  ["partitions of its own and an xfs root", [...own, "--filesystem", "xfs", "--firmware", "uefi"]],
  ["partitions of its own and btrfs", [...own, "--filesystem", "btrfs", "--firmware", "bios"]],
  ["an encrypted btrfs", [...encrypted, "--filesystem", "btrfs", "--firmware", "uefi"]],
])("with %s", async (_what, words) => {
  const { code, output } = await bootgate([...installs, ...words, "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});

test("with an encrypted root, whose passphrase is typed and stands in no file", async () => {
  const file = join(out, "passphrase");
  await writeFile(file, "correct horse battery\n");
  const words = ["--kickstart-layout", "luks", "--passphrase-file", file, "--firmware", "bios"];
  const { code, output } = await bootgate([...installs, ...words, "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
  const run = await realpath(join(out, "latest"));
  const ids = eventsOf(run).flatMap((event) => (event.type === "deviation" ? [event.id] : []));
  expect(ids).toContain("passphrase-typed");
  for (const name of await readdir(run, { recursive: true })) {
    const path = join(run, name);
    if ((await stat(path)).isFile())
      expect(await readFile(path, "latin1"), name).not.toContain("correct horse");
  }
});

/** A kickstart of a person's own that encrypts the root with this. */
async function encrypting(passphrase: string): Promise<string[]> {
  const kickstart = join(out, "encrypts.ks");
  const text = renderKickstart({
    ...{ layout: "luks", command: "ostreecontainer", filesystem: "ext4" },
    source: { transport: "oci", name: "/run/install/repo/container" },
    follows: "10.0.2.100:5000/os:stable",
    ...{ kernelArguments: ["console=tty0", "console=ttyS0,115200"], passphrase, end: "reboot" },
  });
  await writeFile(kickstart, text);
  return [...installs, "--kickstart", kickstart, "--firmware", "bios", "--out", out];
}

test("a passphrase that is in a person's own kickstart and nowhere else is nobody's fault", async () => {
  const { code, output } = await bootgate(await encrypting("a passphrase that nobody tells"));
  expect(code, output.slice(-3000)).toBe(3);
  expect(output).toMatch(/The disk asks for a passphrase that bootgate was not told/);
  expect(output).toMatch(/give it in a file by --passphrase-file/);
});

test("a wrong passphrase is typed once, and is nobody's fault", async () => {
  const file = join(out, "wrong-passphrase");
  await writeFile(file, "not the right passphrase\n");
  const words = await encrypting("the right passphrase of it");
  const { code, output } = await bootgate([...words, "--passphrase-file", file]);
  expect(code, output.slice(-3000)).toBe(3);
  expect(output).toMatch(/the passphrase that was typed does not open its disk/);
});

test.each(["xfs", "btrfs"])("a disk of %s that bootc makes itself boots", async (kind) => {
  const words = ["run", "boot/health", "--candidate", "reference:v2", "--filesystem", kind];
  const { code, output } = await bootgate([...words, "--firmware", "bios", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
});

async function inspect(name: string) {
  const { code, output } = await bootgate(["images", "inspect", name, "--json"]);
  expect(code, output).toBe(0);
  return JSON.parse(output.slice(output.indexOf("{"))) as Pick<Image, "oci" | "installer">;
}

/** The ISO without the image that it carries, as Fedora's own installers are: they fetch what they install. */
async function bareIso(): Promise<string> {
  const { installer } = await inspect("reference-installer");
  const iso = join(out, "netinst-x86_64.iso");
  const words = ["-indev", installer?.path ?? "", "-outdev", iso, "-rm_r", "/container", "--"];
  await runCommand("xorriso", words);
  return iso;
}

/** The OCI image of the reference OS's first version, which no ISO carries. */
async function payload(): Promise<string[]> {
  const { oci } = await inspect("reference:v1");
  return ["--candidate-oci", `oci:${oci?.layout}:${oci?.tag}`, "--firmware", "bios", "--out", out];
}

test("an ISO without an image installs by both commands what the harness's registry serves", async () => {
  const words = ["run", "install", "--candidate", await bareIso(), ...(await payload())];
  const { code, output } = await bootgate([...words, "--jobs", "1"]);
  expect(code, output.slice(-3000)).toBe(0);
  const events = eventsOf(join(out, "latest"));
  const ended = events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : []));
  expect(ended).toEqual(["passed", "passed"]);
  const steps = events.flatMap((event) => (event.type === "step-ended" ? [event.step] : []));
  expect(steps).toContain("the installed system is the image that was named");
  const deviations = events.flatMap((event) => (event.type === "deviation" ? [event.id] : []));
  expect(deviations).toContain("installer-registry");
});

test("what the registry does not have is nobody's fault", async () => {
  const kickstart = join(out, "unknown-tag.ks");
  await writeFile(kickstart, wrongTag);
  const { code, output } = await bootgate([
    ...["run", "install/kickstart", "--candidate", "reference-installer", ...(await payload())],
    ...["--payload", "registry", "--kickstart", kickstart],
  ]);
  expect(code, output.slice(-3000)).toBe(3);
  expect(output).toMatch(/the registry does not have what the kickstart names/);
  expect(output).toMatch(/registry +the harness's own, 10\.0\.2\.100:5000/);
});

test("an ISO whose image has bootupd installs a disk of which bootupd knows what lies on it", async () => {
  const catalogue = join(out, "catalogue.yaml");
  const entry = "kind: installer, architecture: x86_64, carries: reference-bootupd:v2";
  const promises = "promises: [composefs, bootupd, static-grub]";
  await writeFile(catalogue, `images:\n  own-iso: { ${entry}, ${promises} }\n`);
  const words = ["run", "install/kickstart", "--candidate", "own-iso", "--catalogue", catalogue];
  const { code, output } = await bootgate([...words, "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
  const passed = eventsOf(join(out, "latest")).flatMap((event) =>
    event.type === "step-ended" && event.outcome.kind === "passed" ? [event.step] : [],
  );
  expect(passed).toContain("bootupd knows what it installed");
});

test("every installer that cannot succeed is judged for the right reason", async () => {
  const words = ["selftest", "--only", "installer", "--out", out];
  const { code, output } = await bootgate(words);
  expect(code, output.slice(-3000)).toBe(0);
  expect(output).toMatch(/(\d+) of \1 cases were judged as they must be/);
});
