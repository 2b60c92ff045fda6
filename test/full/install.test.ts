/** What an installer can do besides the shortest way, and every way in which it can fail. Minutes each, so the long tier's. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderKickstart } from "../../fixtures/kickstart.ts";
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

/** The OCI image of the reference OS's first version; the installer's ISO carries the second. */
async function otherImage(): Promise<string> {
  const { code, output } = await bootgate(["images", "inspect", "reference:v1", "--json"]);
  expect(code, output).toBe(0);
  const { oci } = JSON.parse(output) as { oci: { layout: string; tag: string } };
  return `oci:${oci.layout}:${oci.tag}`;
}
const isoWith = async (): Promise<string[]> => [
  ...["--candidate", "reference-installer", "--candidate-oci", await otherImage()],
  ...["--payload", "registry", "--out", out],
];

test("by both commands from a registry, which is where the installed image is from", async () => {
  const { code, output } = await bootgate(["run", "install", ...(await isoWith())]);
  expect(code, output.slice(-3000)).toBe(0);
  const events = eventsOf(join(out, "latest"));
  expect(
    events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : [])),
  ).toEqual(["passed", "passed"]);
  expect(
    events.filter(
      ({ type, ...event }) =>
        type === "deviation" && "id" in event && event.id === "installer-registry",
    ).length,
  ).toBeGreaterThan(0);
});

test("what the registry does not have is nobody's fault", async () => {
  const kickstart = join(out, "unknown-tag.ks");
  await writeFile(kickstart, wrongTag);
  const { code, output } = await bootgate([
    ...["run", "install/kickstart", ...(await isoWith()), "--kickstart", kickstart],
  ]);
  expect(code, output.slice(-3000)).toBe(3);
  expect(output).toMatch(/the registry does not have what the kickstart names/);
  expect(output).toMatch(/registry +the harness's own, 10\.0\.2\.100:5000/);
});

test("every installer that cannot succeed is judged for the right reason", async () => {
  const words = ["selftest", "--only", "installer", "--out", out];
  const { code, output } = await bootgate(words);
  expect(code, output.slice(-3000)).toBe(0);
  expect(output).toMatch(/(\d+) of \1 cases were judged as they must be/);
});
