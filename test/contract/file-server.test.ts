/** The fixture that serves files, over a real socket; an image as one file by the real skopeo. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openFileServer } from "../../fixtures/file-server.ts";
import { CannotTell, MachineFault } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { Image } from "../../images/image.ts";
import { makeImage, makeLayoutOf } from "./support/image-maker.ts";

const { signal } = new AbortController();

async function open() {
  const server = await openFileServer({ address: "10.0.2.100", signal });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const at = (path: string): string => `http://127.0.0.1:${server.hostPort}${path}`;
  return { server, files: server.handle, at };
}

test("what is served is told as guests find it, and answered on the loopback", async () => {
  const { server, files, at } = await open();
  expect(files.serve("/ks.cfg", "lang en_GB\u00e9\n")).toBe("http://10.0.2.100:8080/ks.cfg");
  expect(server.forwards).toEqual([
    { guestAddress: "10.0.2.100", guestPort: 8080, hostPort: server.hostPort },
  ]);
  expect(await (await fetch(at("/ks.cfg"))).text()).toBe("lang en_GB\u00e9\n");
  const head = await fetch(at("/ks.cfg"), { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "13"]);
  expect((await fetch(at("/ks.cfg"), { method: "POST" })).status).toBe(405);
  expect((await fetch(at("/"))).status).toBe(404);
  files.remove("/ks.cfg");
  expect((await fetch(at("/ks.cfg"))).status).toBe(404);
  expect([files.askedFor("/ks.cfg"), files.askedFor("/other")]).toEqual([2, 0]);
  for (const path of ["ks.cfg", "/a b", "/", "/a/", "/%2e"])
    expect(() => files.serve(path, ""), path).toThrow(TypeError);
});

test("an image is served as one file that has its digest", async () => {
  await using workspace = await createWorkspace("files-test");
  const made = await makeImage(join(workspace.path, "image"));
  const [layout, tag] = [join(workspace.path, "layout"), "v1"];
  await makeLayoutOf(layout, [{ image: made, tag }]);
  const { digest } = made;
  const { server, files, at } = await open();
  const image = {
    name: "mine",
    oci: { layout, tag },
    digest: asDigest(digest),
  } as unknown as Image;
  expect(await files.serveImage("/update.tar", image)).toBe("http://10.0.2.100:8080/update.tar");
  const archive = join(workspace.path, "update.tar");
  await writeFile(archive, Buffer.from(await (await fetch(at("/update.tar"))).arrayBuffer()));
  const format = ["inspect", "--format", "{{.Digest}}"];
  const { stdout } = await runCommand("skopeo", [...format, `oci-archive:${archive}`]);
  expect(stdout.trim()).toBe(digest);
  const gone = { ...image, oci: { layout: join(workspace.path, "nothing"), tag } };
  await expect(files.serveImage("/gone.tar", gone)).rejects.toThrow(CannotTell);
  await expect(files.serveImage("/disk.tar", { ...image, oci: null })).rejects.toThrow(CannotTell);
  await server[Symbol.asyncDispose]();
});

test("its death is told; its end by us is not", async () => {
  const { server } = await open();
  server.fail(new Error("out of descriptors"));
  await expect(server.died).rejects.toThrow(MachineFault);
  await expect(server.died).rejects.toThrow(/died in mid-run[\s\S]*out of descriptors/);
  const other = (await open()).server;
  await other[Symbol.asyncDispose]();
  const settled = await Promise.race([other.died.catch(() => "died"), Promise.resolve("silent")]);
  expect(settled).toBe("silent");
});
