import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { ExpectationFailed } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import { shownCommand } from "../../harness/guest/commands.ts";
import { type GuestIo, parseJson } from "../../harness/guest/guest-io.ts";
import { bootcHost, createBootc, type ImageReference } from "../../harness/guest/tools/bootc.ts";
import {
  byDigest,
  describeReference,
  followsReference,
  originNames,
} from "../../harness/guest/tools/image-reference.ts";
import { readTranscript, transcriptNames } from "../contract/support/transcripts.ts";

const transcripts = join(import.meta.dirname, "../../fixtures/transcripts");
const source = { command: "bootc status --format=json", guest: "v1" };
const parse = (text: string) => parseJson(bootcHost, source, text);

/** Digests that happen to be of decimal digits alone are strings all the same. */
const asStrings = (yaml: string): string => yaml.replaceAll(/: (\d{64})$/gm, ': "$1"');
const shapes = new Map(
  readFileSync(join(transcripts, "bootc-status-shapes.yaml"), "utf8")
    .split(/^---\n/m)
    .slice(1)
    .map((text) => [
      /^# ([\w-]+)/.exec(text)?.[1] ?? "",
      JSON.stringify(parseYaml(asStrings(text))),
    ]),
);
const shape = (name: string) => parse(shapes.get(name) ?? `no shape '${name}'`);
const recorded = transcriptNames()
  .map(readTranscript)
  .filter(
    ({ command, exitCode }) => /^bootc status .*(--json|=json)/.test(command) && exitCode === 0,
  );
const current = readTranscript("60-status-v2-json").stdout;
const older = readFileSync(join(transcripts, "bootc-before-1.1.7-status.json"), "utf8");

/** What the schema reads of a status: it leaves out what no claim needs. */
const withoutUnread = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, item: unknown) =>
      key === "missingVerityAllowed" ? undefined : item,
    ),
  );

const errorOf = (text: string): string => {
  try {
    parse(text);
    return "parsed";
  } catch (error) {
    return error instanceof ExpectationFailed ? error.message : `another error: ${String(error)}`;
  }
};

describe("the status of bootc", () => {
  test.each([...shapes])("shape '%s' can be read", (_name, text) => {
    expect(parse(text).kind).toBe("BootcHost");
  });

  test("all shapes have a name", () => {
    expect([...shapes.keys()]).toEqual([
      "nothing",
      "update-staged",
      "download-only",
      "layered",
      "switched-from-ostree",
      "update-found",
      "pinned",
      "usr-overlay",
      "ostree-remote",
      "local-oci",
      "composefs-backend",
    ]);
  });

  test.each(recorded)("$name of 1.16.9 keeps every value it printed", ({ stdout }) => {
    expect(parse(stdout)).toMatchObject(withoutUnread(JSON.parse(stdout)) as object);
  });

  test("both backends were recorded", () => {
    const composefs = recorded.filter(({ name }) => name.startsWith("b"));
    expect(composefs.length).toBeGreaterThanOrEqual(4);
    expect(recorded.length - composefs.length).toBeGreaterThanOrEqual(10);
    const { status } = parse(readTranscript("b20-status-v2-json").stdout);
    expect(status.type).toBeNull();
    expect(status.booted).toMatchObject({ store: null, ostree: null });
    expect(status.booted?.image?.version).toBeNull();
    expect(status.booted?.composefs?.verity).toMatch(/^6bcca3c5/);
    expect(status.rollback?.composefs?.verity).toMatch(/^d3fa28fb/);
  });

  test("what 1.16.9 prints keeps its values", () => {
    const { status, spec } = parse(current);
    expect(status.booted?.image?.imageDigest).toMatch(/^sha256:4b1757bb/);
    expect(status.rollback?.ostree?.checksum).toMatch(/^8a49a737/);
    expect(status.staged).toBeNull();
    expect(spec.image?.image).toBe("10.0.2.100:5000/os:stable");
  });

  test("a bootc older than 1.1.7 tells no architecture, one older than 1.3.0 no stateroot", () => {
    const { booted } = parse(older).status;
    expect(booted?.image).toMatchObject({ architecture: null, version: "9.20241104.0" });
    expect(booted?.ostree).toMatchObject({ stateroot: null, deploySerial: 0 });
    expect(
      parse('{"apiVersion":"org.containers.bootc/v1alpha1","kind":"BootcHost","status":{}}').spec,
    ).toEqual({ image: null, bootOrder: "default" });
  });

  test("keys that older versions lack have defaults", () => {
    const { status, spec } = shape("update-staged");
    expect(spec.bootOrder).toBe("default");
    expect(status.type).toBeNull();
    expect(status.usrOverlay).toBeNull();
    expect(status.otherDeployments).toEqual([]);
    expect(status.staged).toMatchObject({ downloadOnly: false, softRebootCapable: false });
    expect(shape("usr-overlay").status.staged).toBeNull();
  });

  test("what differs by situation is kept", () => {
    expect(shape("download-only").status.staged?.downloadOnly).toBe(true);
    expect(shape("layered").status.staged).toMatchObject({ image: null, incompatible: true });
    expect(shape("update-found").status.booted?.cachedUpdate?.version).toBe("2.0");
    expect(shape("pinned").status.otherDeployments).toHaveLength(1);
    expect(shape("ostree-remote").spec.image?.signature).toEqual({ ostreeRemote: "example" });
    expect(shape("composefs-backend").status.booted?.composefs?.bootType).toBe("Uki");
  });

  test("what breaks the schema is told with its path and a short quote", () => {
    const broken = JSON.parse(current) as { status: { booted: Record<string, unknown> } };
    delete broken.status.booted.incompatible;
    expect(errorOf(JSON.stringify(broken))).toContain("status.booted.incompatible");
    expect(errorOf(JSON.stringify({ ...broken, status: "booted" }))).toContain("status:");
    expect(errorOf(JSON.stringify({ ...broken, kind: "Pod" }))).toContain("kind:");
  });

  test("what is not JSON is quoted in 300 characters without control characters", () => {
    const message = errorOf(`\x1b[31mno JSON ${"x".repeat(10_000)}`);
    expect(message).toContain("'bootc status --format=json' in guest 'v1'");
    expect(message).not.toContain("\x1b");
    expect(message.length).toBeLessThan(600);
    expect(errorOf("")).toContain("nothing");
  });
});

describe("what a deployment follows", () => {
  const wanted = "10.0.2.100:5000/os:stable";
  const registry = (name: string, signature: ImageReference["signature"] = null) => ({
    image: name,
    transport: "registry",
    signature,
  });

  test.each([
    [registry(wanted), true],
    [registry(wanted, "insecure"), true],
    [registry(`ostree-unverified-registry:${wanted}`), true],
    [registry(`docker://${wanted}`), true],
    [registry("10.0.2.100:5000/os:next"), false],
    [registry("10.0.2.100:5000/os"), false],
    // A digest does not move with its tag.
    [registry(`${wanted}@sha256:${"1".repeat(64)}`), false],
    // The harness's registry has no signatures.
    [registry(wanted, "containerPolicy"), false],
    [registry(wanted, { ostreeRemote: "vendor" }), false],
    [{ image: wanted, transport: "oci", signature: null }, false],
    [null, false],
  ])("%j", (image, same) => {
    expect(followsReference(image, wanted)).toBe(same);
  });

  test.each([wanted, "10.0.2.100:5000/os", `10.0.2.100:5000/os@sha256:${"2".repeat(64)}`])(
    "%s has the repository of a digest",
    (reference) => {
      const digest = asDigest(`sha256:${"1".repeat(64)}`);
      expect(byDigest(reference, digest)).toBe(`10.0.2.100:5000/os@${digest}`);
    },
  );

  test("a name without a tag is the latest", () => {
    expect(followsReference(registry("quay.io/a/os"), "quay.io/a/os:latest")).toBe(true);
    expect(followsReference(registry("host:5000/os"), "host:5000/os:latest")).toBe(true);
  });

  test.each([
    [`ostree-unverified-registry:${wanted}`, true],
    [`ostree-unverified-image:docker://${wanted}`, true],
    [`ostree-image-signed:docker://${wanted}`, true],
    [`ostree-remote-registry:fedora:${wanted}`, true],
    [`ostree-remote-image:fedora:docker://${wanted}`, true],
    ["ostree-unverified-registry:10.0.2.100:5000/os:before", false],
    ["ostree-unverified-image:oci:/var/os:stable", false],
    [wanted, false],
  ])("is named by the origin %s: %s", (value, same) => {
    expect(originNames(value, wanted)).toBe(same);
  });

  test("is told for people", () => {
    expect(describeReference(null)).toBe("nothing");
    expect(describeReference(registry(wanted, "insecure"))).toBe(wanted);
    expect(describeReference({ ...registry("/var/os"), transport: "oci" })).toBe("oci:/var/os");
    expect(describeReference(registry(wanted, "containerPolicy"))).toBe(
      `${wanted} (signature: containerPolicy)`,
    );
  });
});

describe("a system without bootc", () => {
  const guest = (answers: Readonly<Record<string, [number, string]>>): GuestIo => ({
    name: "v1",
    timeScale: 1,
    lookAt: "console.log",
    async exec(command) {
      const [exitCode, text] = answers[shownCommand(command)] ?? [127, `sh: ${command}: not found`];
      const [stdout, stderr] = exitCode === 0 ? [text, ""] : ["", text];
      return { command, exitCode, stdout, stderr, durationMs: 1, truncated: false };
    },
  });
  const debian = { "test -e /run/ostree-booted": [1, ""], "cat /proc/cmdline": [0, "root=x ro\n"] };
  const asked = async (answers: object): Promise<string> =>
    createBootc(guest(answers as never))
      .status()
      .then(String, String);

  test("is told apart, with what was looked at", async () => {
    const text = await asked(debian);
    expect(text).toMatch(/^ExpectationFailed: This is not a bootc or ostree system\.\n/);
    expect(text).toMatch(/bootc +the program is not there/);
    expect(text).toMatch(/ostree +\/run\/ostree-booted is not there/);
    expect(text).toMatch(/composefs +the kernel arguments do not name a composefs image/);
  });

  test("is told apart where bootc is there and deployed nothing", async () => {
    const nothing = shapes.get("nothing") ?? "";
    const text = await asked({ ...debian, "bootc status --format=json": [0, nothing] });
    expect(text).toMatch(/This is not a bootc or ostree system/);
    expect(text).toMatch(/bootc +its status names no booted deployment/);
  });

  test("a bootc from before --format (June 2024) is asked in its own words", async () => {
    const unknown =
      "error: unexpected argument '--format' found\n\nUsage: bootc status [OPTIONS]\n";
    const old = { "bootc status --format=json": [2, unknown], "bootc status --json": [0, older] };
    expect(await asked(old)).toBe("[object Object]");
    const broken = { "bootc status --format=json": [2, "error: something else"] };
    expect(await asked(broken)).toMatch(/^CommandFailed: 'bootc status --format=json'/);
    const neither = { "bootc status --format=json": [2, unknown], "bootc status --json": [1, "x"] };
    expect(await asked(neither)).toMatch(/^CommandFailed: 'bootc status --json'/);
  });

  test("a bootc that lacks a library is not a bootc that is not there", async () => {
    const text = await asked({
      ...debian,
      "bootc status --format=json": [127, "bootc: error while loading shared libraries: libx.so"],
    });
    expect(text).toMatch(/^CommandFailed: 'bootc status --format=json' in guest 'v1' ended with/);
  });
});

describe("the measure of an upgrade", () => {
  const status = (name: string) => readTranscript(name).stdout;
  const measure = async (before: string, after: string, said: string): Promise<string[]> => {
    const answers = [status(before), said, status(after)];
    const measures: string[] = [];
    const io: GuestIo = {
      name: "v1",
      timeScale: 1,
      lookAt: "",
      exec: async (command) => ({
        command,
        exitCode: 0,
        stdout: answers.shift() ?? "",
        stderr: "",
        durationMs: 5,
        truncated: false,
      }),
    };
    await createBootc(io, { onMeasure: (name) => measures.push(name) }).upgrade();
    return measures;
  };

  test("is taken where something was staged, with or without a word", async () => {
    const words = readTranscript("86-upgrade-v3").stdout;
    expect(await measure("04-status-json", "48-status-staged-json", words)).toHaveLength(1);
    expect(await measure("b01-status-json", "b13-status-staged-json", "")).toHaveLength(1);
  });

  test("is not taken where nothing new was staged", async () => {
    const words = readTranscript("51-upgrade-again-staged").stdout;
    expect(await measure("48-status-staged-json", "48-status-staged-json", words)).toEqual([]);
    expect(await measure("b01-status-json", "b01-status-json", "")).toEqual([]);
  });
});
