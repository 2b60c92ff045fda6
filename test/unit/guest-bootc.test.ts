import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { ExpectationFailed } from "../../harness/base/errors.ts";
import { parseJson } from "../../harness/guest/guest-io.ts";
import { bootcHost } from "../../harness/guest/tools/bootc.ts";
import { readTranscript, transcriptNames } from "../contract/support/transcripts.ts";

const transcripts = join(import.meta.dirname, "../../fixtures/transcripts");
const source = { command: "bootc status --format=json", guest: "v1" };
const parse = (text: string) => parseJson(bootcHost, source, text);

const shapes = new Map(
  readFileSync(join(transcripts, "bootc-status-shapes.yaml"), "utf8")
    .split(/^---\n/m)
    .slice(1)
    .map((text) => [/^# ([\w-]+)/.exec(text)?.[1] ?? "", JSON.stringify(parseYaml(text))]),
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
      key === "bootDigest" || key === "missingVerityAllowed" ? undefined : item,
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
