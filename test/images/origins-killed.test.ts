// A pull that is killed half-way costs nothing: whole layers stay, the rest goes, and no reader ever sees half an image.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asDigest } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { ImageStore } from "../../images/origins/store.ts";
import { type MadeImage, makeImage } from "../contract/support/image-maker.ts";
import { Script } from "../contract/support/namespaces.ts";
import { openRegistryLab, type RegistryLab } from "../contract/support/registry-lab.ts";

const { signal } = new AbortController();
let lab: RegistryLab;
beforeAll(async () => {
  lab = await openRegistryLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

let count = 0;
const fresh = (): string => join(lab.folder, `cache${count++}`);
const drafts = (cache: string): Promise<string[]> =>
  readdir(join(cache, "oci/drafts")).catch(() => []);
const hasBlob = async (cache: string, digest: string | undefined): Promise<boolean> =>
  (await readdir(join(cache, "oci/blobs/sha256")).catch((): string[] => [])).includes(
    digest?.slice(7) ?? "",
  );

/** The last layer begins and then hangs until `go`. */
function hangLastLayer(made: MadeImage): { readonly go: () => void } {
  let isOpen = false;
  const url = `/v2/os/blobs/${made.layers.at(-1)?.digest}`;
  lab.meddle = (request, response) => {
    if (request.url !== url || isOpen) return false;
    response.writeHead(200, { "content-length": String(made.layers.at(-1)?.size) });
    response.write(Buffer.alloc(10_000));
    return true;
  };
  return {
    go: () => {
      isOpen = true;
    },
  };
}

/** Whether a process has this word on its command line. */
async function runs(word: string): Promise<boolean> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const argv = await readFile(join("/proc", pid, "cmdline"), "latin1").catch(() => "");
    if (/skopeo/.test(argv) && argv.includes(word)) return true;
  }
  return false;
}

test("kill -9 in the middle: skopeo dies too, the next pull goes on with what is missing", async () => {
  const made = await makeImage(join(lab.folder, "killed"), { sizes: [200_000, 300_000] });
  await lab.push(made, "os:killed");
  const cache = fresh();
  const hang = hangLastLayer(made);
  await using child = new Script("pulls-an-image.ts", [`${lab.host}/os:killed`, cache]);
  await waitFor({
    what: "the first layer to be whole and the second to be begun",
    probe: async () => {
      if (!(await hasBlob(cache, made.layers[0]?.digest))) return undefined;
      const [draft = ""] = await drafts(cache);
      const names = await readdir(join(cache, "oci/drafts", draft, "layout")).catch(() => []);
      return names.some((name) => name.startsWith("oci-put-blob")) ? true : undefined;
    },
    timeoutMs: 30_000,
    signal,
  });
  await child.kill();
  await waitFor({
    what: "skopeo to be gone",
    probe: async () => ((await runs(cache)) ? undefined : true),
    timeoutMs: 5000,
    signal,
  });
  expect(await readdir(join(cache, "oci/images"))).toEqual([]);
  expect(await drafts(cache)).toHaveLength(1);
  hang.go();
  lab.requests.length = 0;
  const { facts } = await lab.pull("os:killed", { cacheDir: cache });
  expect(facts.digest).toBe(made.digest);
  expect(lab.requests.join("\n")).not.toContain(made.layers[0]?.digest);
  expect(lab.requests.join("\n")).toContain(made.layers[1]?.digest);
  expect(await drafts(cache)).toEqual([]);
});

test("while a pull goes on nobody removes what it has, and what a dead process held is free", async () => {
  const made = await makeImage(join(lab.folder, "busy"), { sizes: [200_000, 300_000] });
  await lab.push(made, "os:busy");
  const cache = fresh();
  const hang = hangLastLayer(made);
  await using child = new Script("pulls-an-image.ts", [`${lab.host}/os:busy`, cache]);
  await waitFor({
    what: "the first layer to be whole",
    probe: async () => ((await hasBlob(cache, made.layers[0]?.digest)) ? true : undefined),
    timeoutMs: 30_000,
    signal,
  });
  const store = await ImageStore.open(lab.options({ cacheDir: cache }));
  await store.evict({ maxBytes: 0, sweep: true });
  expect(await hasBlob(cache, made.layers[0]?.digest)).toBe(true);
  hang.go();
  // The layer that hangs is let go, and skopeo asks for it again.
  lab.meddle = null;
  await child.kill();
  await using again = new Script("pulls-an-image.ts", [`${lab.host}/os:busy`, cache]);
  while (again.lines.at(-1)?.startsWith("pulled") !== true) await again.line(again.lines.length);
  expect(again.lines.at(-1)).toBe(`pulled ${made.digest}`);
  const prune = async (): Promise<number> => {
    await store.evict({ maxBytes: 0, unusedSince: Infinity, sweep: true });
    return (await store.images()).length;
  };
  expect(await prune()).toBe(1);
  await again.kill();
  expect(await prune()).toBe(0);
  expect(await readdir(join(cache, "oci/blobs/sha256"))).toEqual([]);
  expect(await store.take(asDigest(made.digest), null)).toBeNull();
});

test("two processes that want one image fetch it once", async () => {
  const made = await makeImage(join(lab.folder, "twice"), { sizes: [200_000] });
  await lab.push(made, "os:twice");
  const cache = fresh();
  const url = `/v2/os/blobs/${made.layers[0]?.digest}`;
  let sent = 0;
  lab.meddle = (request) => {
    if (request.url === url && request.method === "GET") sent++;
    return false;
  };
  const name = `${lab.host}/os:twice`;
  await using one = new Script("pulls-an-image.ts", [name, cache]);
  await using two = new Script("pulls-an-image.ts", [name, cache]);
  for (const child of [one, two])
    while (child.lines.at(-1)?.startsWith("pulled sha256") !== true)
      await child.line(child.lines.length);
  expect(sent).toBe(1);
});
