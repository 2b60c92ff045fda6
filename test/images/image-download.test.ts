// Disks behind HTTPS, from a real server that does what servers do: cut, stall, redirect, refuse, give another file.
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { type DownloadOptions, download } from "../../images/origins/download.ts";
import { MiB } from "../contract/support/disks.ts";
import { content, scene, sha } from "../contract/support/download-scene.ts";
import { type Answer, fileAnswer } from "../contract/support/https-server.ts";
import { lyingIn } from "../contract/support/lying-in.ts";

const kept = (cacheDir: string): Promise<string[]> => lyingIn(join(cacheDir, "downloads"));

test("a file is downloaded once, by its checksum, and no secret of its URL is told", async () => {
  await using it = await scene(fileAnswer(content));
  const path = await download(it.options());
  expect((await readFile(path)).equals(content)).toBe(true);
  expect(await download(it.options())).toBe(path);
  expect(it.server.asked).toEqual(["/os.raw.gz?key=secret"]);
  expect(await kept(it.cacheDir)).toEqual([sha(content)]);
  expect(it.lines.join()).not.toContain("secret");
});

test("a connection that is cut goes on where it was, as long as something comes", async () => {
  const large = Buffer.alloc(4 * MiB, "large");
  await using it = await scene(fileAnswer(large, MiB / 2));
  const path = await download(it.options({ sha256: sha(large) }));
  expect((await readFile(path)).equals(large)).toBe(true);
  // More than may fail in a row without getting on.
  expect(it.server.asked.length).toBeGreaterThanOrEqual(8);
  const ranges = it.server.asked.map((line) => Number(/bytes=(\d+)-$/.exec(line)?.[1] ?? 0));
  expect(ranges).toEqual([...ranges].sort((a, b) => a - b));
  expect(ranges[1]).toBeGreaterThan(0);
});

test("a download that was given up goes on in the next run", async () => {
  const stop = new AbortController();
  let isFirst = true;
  await using it = await scene((request, response) => {
    if (!isFirst) return fileAnswer(content)(request, response);
    isFirst = false;
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, 1000));
  });
  const first = download(it.options({ signal: stop.signal }));
  const part = join(it.cacheDir, "downloads", `${sha(content)}.part`);
  await vi.waitFor(async () => expect((await stat(part)).size).toBe(1000), { timeout: 10_000 });
  stop.abort(new Error("killed"));
  await expect(first).rejects.toThrow("killed");
  await download(it.options());
  expect(it.server.asked[1]).toMatch(/ bytes=1000-$/);
  expect(it.lines.at(-1)).toMatch(/, from 1000 B on\.$/);
  expect(await kept(it.cacheDir)).toEqual([sha(content)]);
});

test.each<[string, Answer]>([
  ["does not know ranges", (_, response) => void response.writeHead(200).end(content)],
  [
    "answers with another part than was asked for",
    (request, response) => {
      if (request.headers.range === undefined) return fileAnswer(content)(request, response);
      response.writeHead(206, { "content-range": `bytes 0-9/${content.length}` });
      response.end(content.subarray(0, 10));
    },
  ],
])("a server that %s is asked for the whole", async (_, answer) => {
  await using it = await scene(answer);
  await mkdir(join(it.cacheDir, "downloads"), { recursive: true });
  const part = join(it.cacheDir, "downloads", `${sha(content)}.part`);
  await writeFile(part, content.subarray(0, 500));
  expect((await readFile(await download(it.options()))).equals(content)).toBe(true);
});

test("a part that is not of this file is thrown away, and one that is whole is taken", async () => {
  await using it = await scene(fileAnswer(content));
  await mkdir(join(it.cacheDir, "downloads"), { recursive: true });
  const part = join(it.cacheDir, "downloads", `${sha(content)}.part`);
  await writeFile(part, Buffer.alloc(500, 1));
  const path = await download(it.options());
  expect((await readFile(path)).equals(content)).toBe(true);
  expect(it.server.asked.map((line) => line.split(" ")[1])).toEqual(["bytes=500-", undefined]);
});

test("a whole part needs no byte more", async () => {
  await using it = await scene(fileAnswer(content));
  await mkdir(join(it.cacheDir, "downloads"), { recursive: true });
  await writeFile(join(it.cacheDir, "downloads", `${sha(content)}.part`), content);
  expect((await readFile(await download(it.options()))).equals(content)).toBe(true);
});

describe("what cannot be had, and whose fault it is", () => {
  const status =
    (code: number, headers = {}): Answer =>
    (_, response) =>
      void response.writeHead(code, headers).end("no");
  test.each<
    [string, Answer, Partial<DownloadOptions>, RegExp, typeof UsageError | typeof HostUnfit, number]
  >([
    [
      "a name that is wrong",
      status(404),
      {},
      /There is nothing at 'https:\/\/localhost:\d+\/os.raw.gz'/,
      UsageError,
      1,
    ],
    [
      "a file that is not for everybody",
      status(403),
      {},
      /does not let everybody have/,
      UsageError,
      1,
    ],
    ["an answer that nobody expects", status(418), {}, /HTTP 418/, HostUnfit, 1],
    [
      "a server that was asked too often",
      status(429, { "retry-after": "0" }),
      {},
      /asked too often/,
      HostUnfit,
      5,
    ],
    [
      "one that wants to be left alone for long",
      status(503, { "retry-after": "9999" }),
      {},
      /in trouble \(HTTP 503\)/,
      HostUnfit,
      1,
    ],
    [
      "a server in trouble",
      status(500),
      {},
      /in trouble \(HTTP 500\)[\s\S]*5 times in a row/,
      HostUnfit,
      5,
    ],
    ["a network in trouble before it", status(522), {}, /in trouble \(HTTP 522\)/, HostUnfit, 5],
    [
      "silence before the answer",
      () => undefined,
      { stallMs: 20 },
      /nothing came for/,
      HostUnfit,
      5,
    ],
    [
      "silence in the middle",
      (_, response) => {
        response.writeHead(200, { "content-length": 100 });
        response.flushHeaders();
      },
      { stallMs: 20 },
      /nothing came for/,
      HostUnfit,
      5,
    ],
    [
      "redirects in a circle",
      status(302, { location: "/os.raw.gz" }),
      {},
      /redirected more than 10 times/,
      UsageError,
      11,
    ],
    [
      "a redirect to a file",
      status(302, { location: "file:///etc/shadow" }),
      {},
      /redirected to what is not HTTPS/,
      UsageError,
      1,
    ],
    [
      "a file that is too large by its own word",
      fileAnswer(content),
      { maxBytes: 100 },
      /is larger than 100 B/,
      UsageError,
      1,
    ],
    [
      "a file that is too large and does not say so",
      (_, response) => void response.writeHead(200).end(content),
      { maxBytes: 100 },
      /is larger than 100 B/,
      UsageError,
      1,
    ],
    [
      "another file",
      fileAnswer(Buffer.from("<html>Log in</html>")),
      {},
      /not the file that its checksum names[\s\S]*expected[\s\S]*got/,
      UsageError,
      1,
    ],
  ])("%s", async (_, answer, more, words, blame, requests) => {
    await using it = await scene(answer);
    const failed = download(it.options(more));
    await expect(failed).rejects.toThrow(words);
    await expect(failed).rejects.toBeInstanceOf(blame);
    await expect(failed).rejects.not.toThrow("secret");
    expect(it.server.asked).toHaveLength(requests);
    const whole = (await kept(it.cacheDir)).filter((name) => !name.endsWith(".part"));
    expect(whole).toEqual([]);
  });

  test("a certificate that is not valid any more is not the caller's to mend", async () => {
    await using it = await scene(fileAnswer(content), true);
    const failed = download(it.options());
    await expect(failed).rejects.toThrow(/certificate is not valid now[\s\S]*clock/);
    await expect(failed).rejects.toBeInstanceOf(HostUnfit);
  });

  test("a server that nobody vouches for, and one that is not there", async () => {
    await using it = await scene(fileAnswer(content));
    const { ca: _, ...unknown } = it.options();
    const failed = download(unknown);
    await expect(failed).rejects.toThrow(/certificate is not trusted[\s\S]*NODE_EXTRA_CA_CERTS/);
    await expect(failed).rejects.toThrow(/--cert-dir is for registries/);
    await expect(failed).rejects.toBeInstanceOf(UsageError);
    await it.server[Symbol.asyncDispose]();
    await expect(download(it.options())).rejects.toThrow(/cannot be downloaded: .*ECONNREFUSED/);
  });
});

test("redirects are followed, also to a mirror without TLS: the checksum came another way", async () => {
  await using it = await scene((request, response) => {
    if (request.url === "/there") return fileAnswer(content)(request, response);
    response.writeHead(302, { location: "/there" }).end();
  });
  await download(it.options());
  expect(it.server.asked).toEqual(["/os.raw.gz?key=secret", "/there"]);
});
