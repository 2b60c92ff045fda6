/** Promotion for real: skopeo, the CNCF distribution registry, and a counter between them that may meddle. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { promote } from "../../harness/cli/commands/promote-command.ts";
import { type Decision, parseDecision } from "../../harness/gate/verdict/decision.ts";
import type { Fate } from "../golden/gate-runs.ts";
import { decided, exitCode, lab, options, printed, useLab } from "./promote-bench.ts";
import { layoutDigest, sha, writesOf } from "./promote-lab.ts";
import { secret, startGuardedRegistry } from "./support/guarded-registry.ts";

useLab();

const isTagWrite = (request: { method?: string | undefined; url?: string | undefined }): boolean =>
  request.method === "PUT" && request.url?.endsWith("/manifests/stable") === true;

test("PROMOTE moves the tag to exactly the tested digest and records the decision", async () => {
  const directory = await decided();
  await lab.push("v1", "os:stable");
  const [v1, v2] = [await layoutDigest(lab, "v1"), await layoutDigest(lab, "v2")];
  expect(await exitCode(directory, { expect: v1 })).toBe(0);
  expect(await lab.digestOf("os", "stable")).toBe(v2);
  expect(printed).toContain(`stands for ${v2} (before: ${v1})`);
  // The tag is the last thing written, after the image and the record.
  expect(writesOf(lab).at(-1)).toBe("PUT /v2/os/manifests/stable");
  expect(writesOf(lab).filter((line) => line.endsWith("/manifests/stable"))).toHaveLength(1);

  // distribution 2.8 has no referrers API: the index is under the tag of the specification.
  const tag = v2.replace(":", "-");
  expect(await lab.tags("os")).toEqual([tag, "stable"].sort());
  const index = (await lab.json("os", tag)) as { manifests: Record<string, string>[] };
  expect(index.manifests).toHaveLength(1);
  const [entry] = index.manifests;
  expect(entry?.artifactType).toBe("application/vnd.bootgate.decision.v1+json");
  const artifact = (await lab.json("os", String(entry?.digest))) as {
    artifactType: string;
    subject: { digest: string; size: number };
    layers: { digest: string }[];
  };
  expect(artifact.artifactType).toBe(entry?.artifactType);
  expect(artifact.subject.digest).toBe(v2);
  const kept = await lab.blob("os", String(artifact.layers[0]?.digest));
  const decision = parseDecision(kept, "the record");
  expect(decision.verdict).toBe("PROMOTE");
  expect(decision.candidates.map(({ digest }) => digest)).toEqual([v2]);
});

test("a second promotion of the same decision moves nothing and succeeds", async () => {
  const directory = await decided();
  expect(await exitCode(directory, { expect: "absent" })).toBe(0);
  const tags = await lab.tags("os");
  lab.requests.length = 0;
  expect(await exitCode(directory, { expect: "absent" })).toBe(0);
  expect(printed).toContain("it already did");
  expect(await lab.tags("os")).toEqual(tags);
  // It was judged once more, and that is recorded too.
  expect(writesOf(lab).filter((line) => line.endsWith("/manifests/stable"))).toEqual([]);
});

test("an image that is at the registry already is promoted by its digest, from another repository", async () => {
  const directory = await decided();
  await lab.push("v2", "built/os:build-7");
  const v2 = await layoutDigest(lab, "v2");
  expect(await exitCode(directory, { from: `docker://${lab.host}/built/os@${v2}` })).toBe(0);
  expect(await lab.digestOf("os", "stable")).toBe(v2);
});

test.each([
  ["failed", 1],
  ["broken", 3],
] as const)("HOLD (%s) touches nothing and exits with the decision's code", async (fate, code) => {
  const directory = await decided(fate);
  await lab.push("v1", "os:stable");
  const before = [await lab.digestOf("os", "stable"), await lab.tags("os")];
  expect(await exitCode(directory)).toBe(code);
  expect(lab.requests).toEqual([]);
  expect([await lab.digestOf("os", "stable"), await lab.tags("os")]).toEqual(before);
  expect(printed).toMatch(/^HOLD: .*\n {2}Nothing was promoted\.\n$/);
});

test("a tag that moves while the image is copied is not overwritten", async () => {
  const directory = await decided();
  await lab.push("v1", "os:first");
  let isMoved = false;
  lab.meddling.before = async (request) => {
    if (request.method === "POST" && !isMoved) {
      isMoved = true;
      await lab.push("v1", "os:stable");
    }
    return false;
  };
  expect(await exitCode(directory)).toBe(3);
  expect(printed).toMatch(/moved meanwhile; nothing was promoted[\s\S]*expected +absent/);
  expect(await lab.digestOf("os", "stable")).toBe(await layoutDigest(lab, "v1"));
  expect(writesOf(lab).some((line) => line.endsWith("/manifests/stable"))).toBe(false);
});

test("a tag that is not what --expect says is refused before anything is written", async () => {
  const directory = await decided();
  await lab.push("v1", "os:stable");
  expect(await exitCode(directory, { expect: "absent" })).toBe(3);
  expect(await exitCode(directory, { expect: sha("other") })).toBe(3);
  expect(writesOf(lab)).toEqual([]);
});

test("a registry that honours conditions closes the last window", async () => {
  const directory = await decided();
  await lab.push("v1", "os:stable");
  const conditions: (string | undefined)[] = [];
  lab.meddling.before = async (request, response) => {
    if (!isTagWrite(request)) return false;
    conditions.push(request.headers["if-match"]);
    response.writeHead(412).end();
    return true;
  };
  expect(await exitCode(directory)).toBe(3);
  expect(conditions).toEqual([`"${await layoutDigest(lab, "v1")}"`]);
  expect(printed).toMatch(/moved meanwhile/);
});

test("a write that is lost to another is noticed afterwards", async () => {
  const directory = await decided();
  lab.meddling.before = async (request, response) => {
    if (!isTagWrite(request)) return false;
    await lab.push("v1", "os:stable");
    response.writeHead(201).end();
    return true;
  };
  expect(await exitCode(directory)).toBe(3);
  expect(printed).toMatch(/does not stand for the promoted image[\s\S]*somebody else writes/);
});

test("a source that is not the judged image is refused, by layout and by digest", async () => {
  const directory = await decided();
  const v1 = await layoutDigest(lab, "v1");
  const layout = join(lab.folder, "layout");
  await lab.push("v1", "built/os:v1");
  lab.requests.length = 0;
  for (const from of [
    `oci:${layout}:v1`,
    `docker://${lab.host}/built/os@${v1}`,
    `docker://${lab.host}/built/os:v1`,
    `oci:${layout}:v9`,
  ])
    expect([from, await exitCode(directory, { from })]).toEqual([from, 2]);
  expect(lab.requests).toEqual([]);
  // The right digest that the registry does not have is the registry's trouble.
  const from = `docker://${lab.host}/built/os@${await layoutDigest(lab, "v2")}`;
  expect(await exitCode(directory, { from })).toBe(3);
  expect(await lab.digestOf("os", "stable")).toBeNull();
});

test("a registry that is dead, or dies in the middle, is exit code 3", async () => {
  const directory = await decided();
  lab.meddling.before = async (request) => {
    if (request.method === "POST") lab.killRegistry();
    return false;
  };
  expect(await exitCode(directory)).toBe(3);
  lab.meddling.before = async () => false;
  await expect(promote(directory, options())).rejects.toBeInstanceOf(MachineFault);
  await expect(promote(directory, options())).rejects.toThrow(/does not answer/);
});

const edit = async (directory: string, change: (text: string) => string): Promise<void> => {
  const path = join(directory, "decision.json");
  await writeFile(path, change(await readFile(path, "utf8")));
};
test.each<[string, Fate, (directory: string) => Promise<void>, RegExp]>([
  [
    "events were changed",
    "passed",
    (directory) => writeFile(join(directory, "events.jsonl"), "{}\n", { flag: "a" }),
    /events with another digest were judged/,
  ],
  [
    "events are gone",
    "passed",
    (directory) => rm(join(directory, "events.jsonl")),
    /not at hand; --runs names its directory/,
  ],
  [
    "the verdict was turned",
    "failed",
    (directory) => edit(directory, (text) => text.replace('"HOLD"', '"PROMOTE"')),
    /contradicts itself/,
  ],
  [
    "another image was put in",
    "passed",
    (directory) =>
      edit(directory, (text) => {
        const decision = JSON.parse(text) as Decision;
        const candidates = decision.candidates.map((one) => ({ ...one, digest: sha("other") }));
        return JSON.stringify({ ...decision, candidates });
      }),
    /its candidates are not those of the runs/,
  ],
  [
    "no JSON",
    "failed",
    (directory) => writeFile(join(directory, "decision.json"), "PROMOTE\n"),
    /is not JSON/,
  ],
  [
    "too large",
    "failed",
    (directory) => writeFile(join(directory, "decision.json"), " ".repeat(65 << 20)),
    /too large|more than|larger than/,
  ],
])("a tampered decision is refused: %s", async (_, fate, tamper, words) => {
  const directory = await decided(fate);
  await tamper(directory);
  expect(await exitCode(directory)).toBe(2);
  expect(printed).toMatch(words);
  expect(lab.requests).toEqual([]);
});

test("a decision by another policy than the one that is named is refused", async () => {
  const directory = await decided();
  const policy = join(lab.folder, "lax.yaml");
  await writeFile(policy, "version: 1\nrequire: [{ scenarios: [boot/health] }]\n");
  expect(await exitCode(directory, { policy })).toBe(2);
  expect(printed).toMatch(/made by the policy 'gate' .* --policy names it/);
  expect(lab.requests).toEqual([]);
});

test("runs that lie elsewhere are named", async () => {
  const directory = await decided();
  const alone = join(lab.folder, "elsewhere", "alone.json");
  await mkdir(dirname(alone));
  await writeFile(alone, await readFile(join(directory, "decision.json")));
  expect(await exitCode(alone)).toBe(2);
  expect(await exitCode(alone, { runs: [directory] })).toBe(0);
});

test.each([
  ["breaks off its answer", { "content-length": "900" }, "{", /broke off its answer/],
  ["answers without end", {}, " ".repeat(5 << 20), /more than 4 MiB/],
  ["answers another image for a digest", {}, "{}", /does not have what was copied/],
] as const)("a registry that %s is exit code 3", async (_, headers, body, said) => {
  const directory = await decided();
  lab.meddling.before = async (request, response) => {
    // skopeo asks with HEAD and its own types, and gets the truth.
    if (request.method !== "GET" || !/\/manifests\/sha256:/.test(request.url ?? "")) return false;
    response.writeHead(200, headers);
    response.write(body, () => ("content-length" in headers ? response.destroy() : response.end()));
    return true;
  };
  expect(await exitCode(directory)).toBe(3);
  expect(printed).toMatch(said);
  expect(await lab.digestOf("os", "stable")).toBeNull();
});

test("behind TLS and a password, by the file and the certificates that are named or stand where podman has them", async () => {
  const directory = await decided();
  const folder = join(lab.folder, "guarded");
  await mkdir(folder);
  vi.stubEnv("HOME", lab.folder);
  await using guarded = await startGuardedRegistry(folder);
  const [to, tlsVerify] = [`${guarded.host}/os:stable`, "true"] as const;
  const { authFile: authfile, certDir, wrongAuthFile } = guarded;
  // Without the authority nobody is asked for anything, and without the password nothing is given.
  expect(await exitCode(directory, { to, tlsVerify, authfile })).toBe(3);
  expect(printed).toMatch(/does not answer[\s\S]*certificate/);
  expect(await exitCode(directory, { to, tlsVerify, certDir, authfile: wrongAuthFile })).toBe(3);
  expect(printed).toMatch(/does not allow it/);
  expect(await exitCode(directory, { to, tlsVerify, certDir, authfile: "absent.json" })).toBe(2);
  expect(await exitCode(directory, { to, tlsVerify, certDir, authfile })).toBe(0);
  expect(printed).toContain(`stands for ${await layoutDigest(lab, "v2")} (before: absent)`);
  vi.stubEnv("HOME", guarded.home);
  expect(await exitCode(directory, { to, tlsVerify, authfile })).toBe(0);
  expect(printed).toContain("it already did");
  expect(printed).not.toMatch(secret);
});

test("what a credential helper printed before it failed is not told", async () => {
  const directory = await decided();
  const script = `#!/bin/sh\nprintf '{"Secret":"5ecret"}%3000s' 5ecret; exit 1\n`;
  await writeFile(join(lab.folder, "docker-credential-leak"), script, { mode: 0o755 });
  vi.stubEnv("PATH", `${lab.folder}:${process.env.PATH}`);
  const authfile = join(lab.folder, "auth.json");
  await writeFile(authfile, JSON.stringify({ credHelpers: { [lab.host]: "leak" } }));
  expect(await exitCode(directory, { authfile })).toBe(3);
  expect(printed).toMatch(/getting credentials - err: exit status 1, out: `…`/);
  expect(printed).not.toContain("5ecret");
});
