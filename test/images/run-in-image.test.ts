/** A change of an image in a helper machine, with a shell of this host in the place of the helper: no machine is started. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CannotTell, HostUnfit, messageOf } from "../../harness/base/errors.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { Machine, MachineDriver, MachineSpec } from "../../harness/machine/machine.ts";
import { createImageRunner } from "../../harness/states/build/run-in-image.ts";
import { endOfTar } from "../../images/derive/inside-layer.ts";
import { ShellPort } from "../drivers/support/shell-port.ts";
import { bzImage } from "../unit/support/kernels.ts";
import { gzipLayer, imageOf } from "../unit/support/layers.ts";

let folder: Workspace;
let port: ShellPort;
beforeEach(async () => {
  folder = await createWorkspace("run-in-image");
  port = new ShellPort();
});
afterEach(async () => {
  port[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});

const never = new Promise<never>(() => undefined);
const at = (name: string): string => join(folder.path, name);

/** A machine whose script of the harness is this one; `$OUT` is its second disk, a qcow2 file. */
async function driverOf(script: string, refusal: string | null = null): Promise<MachineDriver> {
  await writeFile(at("console.log"), "");
  await writeFile(at("change"), script);
  port.files.set("/.bootgate/change", at("change"));
  const machine: Partial<Machine> = {
    port,
    died: never,
    console: {
      path: at("console.log"),
      fatal: never,
      onStage: () => () => undefined,
      guestAnswered: () => undefined,
    } as unknown as Machine["console"],
    power: { on: async () => undefined } as unknown as Machine["power"],
    [Symbol.asyncDispose]: async () => port.stop(),
  };
  const driver: Partial<MachineDriver> = {
    kind: "qemu",
    timeScale: 1,
    refuse: async () => refusal,
    create: async ({ disks }: MachineSpec) => {
      const out = disks[1];
      const place = out !== undefined && "path" in out ? out.path : "";
      port.start({ ...process.env, OUT: place });
      return machine as Machine;
    },
  };
  return driver as MachineDriver;
}

async function run(driver: MachineDriver, kernel: Buffer = bzImage()) {
  const file = (name: string, content: string | Buffer = "") => ({ name, content });
  const layer = gzipLayer([
    file("usr/lib/modules/6.1/vmlinuz", kernel),
    file("usr/lib/modules/6.1/initramfs.img"),
    file("usr/bin/bootc"),
  ]);
  const image = await imageOf(at("oci"), [layer]);
  await mkdir(join(at("repository"), "repodata"), { recursive: true });
  await writeFile(join(at("repository"), "repodata", "repomd.xml"), "<repomd/>");
  await mkdir(at("scratch"));
  const { signal } = new AbortController();
  const said = (): undefined => undefined;
  const runner = createImageRunner({ driver, memoryMiB: 1024, onProgress: said, onNote: said });
  return runner(
    {
      ...{ name: "it", image, run: [], repository: at("repository") },
      packages: [["install", "bootgate-tool"]],
      target: at("out.tar"),
      scratch: at("scratch"),
    },
    { signal, directory: at("evidence") },
  );
}

test("what the machine wrote on its second disk comes back, with what is gone", async () => {
  const script = [
    `cd '${folder.path}' && mkdir -p new && echo x > new/file && tar -cf made.tar new`,
    'qemu-img convert -f raw -O qcow2 made.tar "$OUT"',
    'echo "dnf5 says this" >&2; echo "bootgate-size $(wc -c < made.tar)"; echo "bootgate-gone usr/old"',
  ].join("\n");
  expect(await run(await driverOf(script))).toEqual({ gone: ["usr/old"], bytes: 10_240 });
  expect(await endOfTar(at("out.tar"), 10_240)).toBe(1536);
  expect(await readFile(join(at("evidence"), "change.log"), "utf8")).toContain("dnf5 says this");
});

test.each([
  ["exit 96", /its kernel cannot mount an overlay/],
  ["exit 97", /it does not have tar/],
  ["echo 'sh: 1: dnf5: not found' >&2; exit 127", /does not have a program[\s\S]*dnf5: not found/],
  ["echo 'No match for argument: x' >&2; exit 1", /ended with exit code 1[\s\S]*No match/],
  ["exit 0", /did not tell what came of it/],
])("nobody can tell whose fault it is: %s", async (script, words) => {
  const failure: unknown = await run(await driverOf(script)).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CannotTell);
  expect(String(failure)).toMatch(words);
});

test("a machine that cannot be had is the host's affair", async () => {
  await expect(run(await driverOf("", "no emulator"))).rejects.toThrow(HostUnfit);
});

test("a kernel that cannot be started directly is nobody's failure", async () => {
  const failure: unknown = await run(await driverOf(""), Buffer.from("not a kernel")).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(CannotTell);
  // Nobody asked for an installation, so no builder of disks helps.
  expect(messageOf(failure)).toMatch(/nothing else changes an image from inside/);
  expect(messageOf(failure)).not.toMatch(/--builder/);
});
