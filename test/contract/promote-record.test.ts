/** What stays at the registry beside a promoted image, and how registries want to know who asks. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { promote } from "../../harness/cli/commands/promote-command.ts";
import { decided, exitCode, lab, options, printed, useLab } from "./promote-bench.ts";
import { layoutDigest, writesOf } from "./promote-lab.ts";

useLab();

test("a registry with the referrers API gets no fallback tag", async () => {
  const directory = await decided();
  const v2 = await layoutDigest(lab, "v2");
  lab.meddling.headers = (request): Record<string, string> =>
    request.method === "PUT" && request.url?.includes("/manifests/sha256:") === true
      ? { "oci-subject": v2 }
      : {};
  expect(await exitCode(directory)).toBe(0);
  expect(printed).toContain("referrers API");
  expect(await lab.tags("os")).toEqual(["stable"]);
});

test("a list of referrers keeps its other entries, and what is not a list is left alone", async () => {
  const first = await decided();
  expect(await exitCode(first)).toBe(0);
  const later = await decided("passed", (decision) => ({ ...decision, notes: ["again"] }));
  expect(await exitCode(later)).toBe(0);
  const tag = (await layoutDigest(lab, "v2")).replace(":", "-");
  const index = (await lab.json("os", tag)) as { manifests: unknown[] };
  expect(index.manifests).toHaveLength(2);
  await lab.push("v1", `else/os:${tag}`);
  expect(await exitCode(later, { to: `${lab.host}/else/os:stable` })).toBe(3);
  expect(printed).toContain("is not a list of referrers; it was left as it is");
  expect(await lab.digestOf("else/os", tag)).toBe(await layoutDigest(lab, "v1"));
});

test("a registry that wants a token or a password gets what skopeo login stored, and says no otherwise", async () => {
  const directory = await decided();
  const realm = `http://${lab.host}/token`;
  lab.meddling.before = async (request, response) => {
    const { authorization } = request.headers;
    if (request.url?.startsWith("/token") === true) {
      const isKnown = authorization === `Basic ${Buffer.from("ci:secret").toString("base64")}`;
      response.writeHead(isKnown ? 200 : 401, { "content-type": "application/json" });
      response.end(JSON.stringify({ token: "t1" }));
      return true;
    }
    if (authorization === "Bearer t1") return false;
    const challenge = `Bearer realm="${realm}",service="lab",scope="repository:os:pull"`;
    response.writeHead(401, { "www-authenticate": challenge }).end("{}");
    return true;
  };
  const auth = join(lab.folder, "auth.json");
  vi.stubEnv("REGISTRY_AUTH_FILE", auth);
  const login = async (words: string): Promise<void> => {
    const auths = { [lab.host]: { auth: Buffer.from(words).toString("base64") } };
    await writeFile(auth, JSON.stringify({ auths }));
  };
  await login("ci:wrong");
  await expect(promote(directory, options())).rejects.toBeInstanceOf(HostUnfit);
  expect(writesOf(lab)).toEqual([]);
  await login("ci:secret");
  expect(await exitCode(directory)).toBe(0);
  expect(await lab.digestOf("os", "stable")).toBe(await layoutDigest(lab, "v2"));
});
