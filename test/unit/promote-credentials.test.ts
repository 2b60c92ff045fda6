import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findCredentials } from "../../harness/gate/promote/credentials.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

let workspace: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  workspace = await temporaryFolder();
});
afterEach(() => workspace[Symbol.asyncDispose]());

const encoded = (words: string): string => Buffer.from(words).toString("base64");

async function authFile(name: string, entries: Record<string, string>): Promise<string> {
  const path = join(workspace.path, name);
  await mkdir(dirname(path), { recursive: true });
  const auths = Object.fromEntries(
    Object.entries(entries).map(([key, words]) => [key, { auth: encoded(words) }]),
  );
  await writeFile(path, JSON.stringify({ auths, credHelpers: { "other.example": "x" } }));
  return path;
}

test("the most specific entry counts", async () => {
  const REGISTRY_AUTH_FILE = await authFile("auth.json", {
    "registry.example": "host",
    "registry.example/a": "folder",
    "registry.example/a/os": "repository",
  });
  const find = (repository: string) =>
    findCredentials("registry.example", repository, { env: { REGISTRY_AUTH_FILE } });
  expect(await find("a/os")).toBe(encoded("repository"));
  expect(await find("a/other")).toBe(encoded("folder"));
  expect(await find("b/os")).toBe(encoded("host"));
  expect(await findCredentials("other.example", "os", { env: { REGISTRY_AUTH_FILE } })).toBeNull();
  expect(await findCredentials("__proto__", "os", { env: { REGISTRY_AUTH_FILE } })).toBeNull();
});

test.each([
  ["registry.example:5000", "https://registry.example:5000/v2/"],
  ["registry.example:5000", "http://registry.example:5000"],
  ["docker.io", "https://index.docker.io/v1/"],
  ["docker.io", "index.docker.io"],
  ["docker.io", "registry-1.docker.io"],
  ["registry-1.docker.io", "docker.io"],
])("for %s an entry '%s' counts, as it does where an image is pulled", async (host, key) => {
  const entries = { "https://other.example/v2/": "other", [key]: "mine" };
  const REGISTRY_AUTH_FILE = await authFile("auth.json", entries);
  const env = { REGISTRY_AUTH_FILE };
  expect(await findCredentials(host, "a/os", { env })).toBe(encoded("mine"));
  expect(await findCredentials("third.example", "a/os", { env })).toBeNull();
});

test("an entry as it is written goes before an address of the same host", async () => {
  const entries = { "https://registry.example/v2/": "address", "registry.example/a": "folder" };
  const env = { REGISTRY_AUTH_FILE: await authFile("auth.json", entries) };
  expect(await findCredentials("registry.example", "a/os", { env })).toBe(encoded("folder"));
  expect(await findCredentials("registry.example", "b/os", { env })).toBe(encoded("address"));
});

test("files are looked at in the order of containers-auth.json(5)", async () => {
  await authFile("run/containers/auth.json", { "registry.example": "runtime" });
  await authFile("docker/config.json", { "registry.example": "docker", "docker.example": "old" });
  const env = {
    XDG_RUNTIME_DIR: join(workspace.path, "run"),
    XDG_CONFIG_HOME: join(workspace.path, "nowhere"),
    DOCKER_CONFIG: join(workspace.path, "docker"),
  };
  expect(await findCredentials("registry.example", "os", { env })).toBe(encoded("runtime"));
  expect(await findCredentials("docker.example", "os", { env })).toBe(encoded("old"));
});

test("a file that is named is the only one", async () => {
  const REGISTRY_AUTH_FILE = await authFile("auth.json", { "registry.example": "usual" });
  const file = await authFile("named.json", { "other.example": "named" });
  const find = (host: string) => findCredentials(host, "os", { env: { REGISTRY_AUTH_FILE }, file });
  expect(await find("other.example")).toBe(encoded("named"));
  expect(await find("registry.example")).toBeNull();
});

test.each(["not json", "[]", '{"auths":{"registry.example":{"auth":"a\\r\\nx: y"}}}', "{}"])(
  "a file of %j is passed over",
  async (text) => {
    const path = join(workspace.path, "auth.json");
    await writeFile(path, text);
    const env = { REGISTRY_AUTH_FILE: path };
    expect(await findCredentials("registry.example", "os", { env })).toBeNull();
  },
);
