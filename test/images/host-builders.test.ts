/** The builders that work on the host itself, against fakes of mount, losetup, podman and the installer. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  CommandFailed,
  ExpectationFailed,
  HostUnfit,
  UsageError,
} from "../../harness/base/errors.ts";
import type { BuildRequest, BuildResult, DiskBuilder } from "../../harness/states/build/builder.ts";
import { createHostBuilder } from "../../harness/states/build/host-builder.ts";
import { requireFileSystems, shortFolder } from "../../harness/states/build/host-needs.ts";
import { builderConfig, createImageBuilder } from "../../harness/states/build/image-builder.ts";
import { createPodmanBuilder } from "../../harness/states/build/podman-builder.ts";
import { runPrivately } from "../../harness/states/build/private-run.ts";
import { type DiskRecipe, defaultRecipe } from "../../harness/states/build/recipe.ts";
import type { MakeOptions } from "../../harness/states/state.ts";
import { consoleWords } from "../../images/image.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { mainHere } from "../contract/support/in-process.ts";
import { gzipLayer, imageOf, type TarItem } from "../unit/support/layers.ts";
import { type Behaviour, type FakeHost, fakeHost, onlyPrograms } from "./support/host-commands.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-builders-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const installLog = (): Promise<string> => readFile(join(folder, "evidence", "install.log"), "utf8");

const usual = {
  ...{ ...defaultRecipe, kernelArguments: [...consoleWords("x86_64")] },
  follows: "quay.example/os:1",
};
const file = (name: string, content = ""): TarItem => ({ name, content });
const installable = [
  file("usr/lib/modules/6.1/vmlinuz"),
  file("usr/lib/modules/6.1/initramfs.img"),
  file("usr/bin/bootc"),
  file("usr/sbin/mkfs.ext4"),
];

async function fakes(behaviour: Behaviour = {}): Promise<FakeHost> {
  const host = await fakeHost(folder, behaviour);
  vi.stubEnv("PATH", `${host.path}:${process.env.PATH}:/usr/sbin:/sbin`);
  return host;
}

const how = (signal = new AbortController().signal): MakeOptions & { readonly told: string[] } => {
  const told: string[] = [];
  return {
    told,
    directory: join(folder, "evidence"),
    signal,
    runSignal: signal,
    onStage: (stage) => told.push(stage),
    onEvidence: ({ kind }) => told.push(`evidence: ${kind}`),
    onNote: (text) => told.push(text),
  };
};

async function build(
  builder: DiskBuilder,
  {
    items = installable,
    recipe = {},
    options = how(),
  }: {
    items?: readonly TarItem[];
    recipe?: Partial<DiskRecipe>;
    options?: MakeOptions;
  } = {},
): Promise<BuildResult> {
  const scratch = join(folder, "scratch");
  await mkdir(scratch);
  await mkdir(join(folder, "evidence"));
  const image = await imageOf(join(folder, "oci"), [gzipLayer(items)]);
  const request: BuildRequest = {
    name: "it",
    image,
    recipe: { ...usual, sizeMiB: 16, ...recipe },
    target: join(scratch, "disk"),
    scratch,
  };
  return builder.build(request, options);
}

/** Whatever kernel the tests run on. */
const hasAll = async (): Promise<void> => undefined;
const createHost = (): DiskBuilder => createHostBuilder(hasAll);
const builders = [
  ["host", createHost],
  ["podman", () => createPodmanBuilder(hasAll)],
  ["bootc-image-builder", createImageBuilder],
] as const;

describe.each(builders)("%s", (name, create) => {
  test("makes a disk by the image's installer, in namespaces that end with the harness", async () => {
    const words = "bootc 1.16.9\nInstalling image: x\nInstallation complete!\n";
    const host = await fakes({ words });
    const options = how();
    const made = await build(create(), { options, recipe: { sizeMiB: 12_288 } });
    expect(made).toMatchObject({ format: "qcow2", builder: name, filesystem: "ext4" });
    expect((await inspectDisk(join(folder, "scratch", "disk"))).format).toBe("qcow2");
    expect(options.told).toEqual(
      expect.arrayContaining(["evidence: installer", "install: installing", "install: complete"]),
    );
    expect(await installLog()).toContain(words);
    const [first = "", ...calls] = await host.calls();
    expect(first).toMatch(
      /^setpriv --pdeathsig KILL -- unshare --mount --propagation private --pid --fork --kill-child/,
    );
    expectCalls[name](calls);
  });

  test("that fails is told with the installer's words and where they are kept", async () => {
    await fakes({ words: "error: mkfs.ext4: No such file or directory\n", exitCode: 1 });
    const failure: unknown = await build(create()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandFailed);
    expect(String(failure)).toMatch(/'it' could not be installed on a disk: error: mkfs.ext4/);
    expect(String(failure)).toContain("install.log");
  });

  test("whose mounts are refused has not said anything against the image", async () => {
    await fakes({ refusesMounts: true });
    await expect(build(create())).rejects.toThrow(HostUnfit);
  });

  test("refuses a user who is not root in one sentence, and says what to do", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    const refusal = await create().refuse();
    expect(refusal).toBeInstanceOf(UsageError);
    expect(refusal?.message).toMatch(
      new RegExp(
        `^--builder ${name} needs root.*\\.\n +to do +run bootgate as root, or take --builder vm`,
      ),
    );
  });
});

test("an image that cannot install itself is the image's fault, before anything is started", async () => {
  const host = await fakes();
  await expect(build(createHost(), { items: [file("usr/bin/bootc")] })).rejects.toThrow(
    ExpectationFailed,
  );
  expect(await host.calls()).toEqual([]);
});

test("an image of another architecture is not", async () => {
  const host = await fakes();
  vi.spyOn(process, "arch", "get").mockReturnValue("arm64");
  const building = build(createHost());
  await expect(building).rejects.toThrow(/is for x86_64, and .* on this aarch64 host/);
  await expect(building).rejects.toThrow(HostUnfit);
  expect(await host.calls()).toEqual([]);
});

test("a build is ended with the run", async () => {
  const host = await fakes({ hangs: true });
  const stop = new AbortController();
  const options = how(stop.signal);
  const building = build(createHost(), { options });
  building.catch(() => undefined);
  await vi.waitFor(async () => expect(await host.calls()).toContain("hangs"), 20_000);
  stop.abort(new Error("the run is over"));
  await expect(building).rejects.toThrow("the run is over");
});

/** How each builder calls the host's programs. */
const expectCalls = {
  host(calls) {
    const made = calls.findIndex((call) => call.startsWith("losetup --find --show --partscan "));
    const disk = calls[made]?.split(" ").at(-1) ?? "";
    expect(disk.replace(`${folder}/scratch/`, "")).toMatch(/^bootgate-[0-9a-f]{32}\.raw$/);
    // It is open then, so it goes with its last user.
    expect(calls[made + 1]).toBe(`losetup --detach ${disk}`);
    expect(calls.find((call) => call.startsWith("chroot"))).toMatch(
      / bootc install to-disk --source-imgref oci:\/\.bootgate\/image:image --target-imgref quay\.example\/os:1 --generic-image --filesystem ext4 --karg console=tty0 .*--wipe \/.*\/bootgate-[0-9a-f]+\.raw$/,
    );
  },
  podman(calls) {
    const scratch = join(folder, "scratch");
    expect(calls.find((call) => call.startsWith("skopeo"))).toContain(
      `oci:${scratch}/source/image:image containers-storage:[overlay@${scratch}/storage+/mnt/run]localhost/bootgate:image`,
    );
    const run = calls.find((call) => call.startsWith("podman")) ?? "";
    // Not the user's storage; and podman refuses a longer name for its run root.
    expect(run).toContain(`--root ${scratch}/storage --runroot /mnt/run --tmpdir /mnt/state`);
    expect(run).toContain(`--volume=${folder}/oci/blobs/sha256:/.bootgate/blobs-0:ro`);
    expect(run).toMatch(/ run --rm --privileged .*--volume=\/dev:\/dev .* bootc install to-disk /);
  },
  "bootc-image-builder"(calls) {
    const scratch = join(folder, "scratch");
    // Under the name that the disk is to follow.
    expect(calls.find((call) => call.startsWith("skopeo"))).toContain("]quay.example/os:1");
    const run = calls.find((call) => call.startsWith("podman")) ?? "";
    expect(run).toContain(`--volume=${scratch}/output:/output`);
    expect(run).toContain(
      `--volume=${scratch}/var/lib/containers/storage:/var/lib/containers/storage`,
    );
    expect(run).toMatch(
      /bootc-image-builder:latest --type=qcow2 --rootfs=ext4 quay\.example\/os:1$/,
    );
  },
} as const satisfies Record<string, (calls: readonly string[]) => void>;

describe("bootc-image-builder", () => {
  test("is told kernel arguments and a size by its own configuration", () => {
    expect(builderConfig({ ...usual, sizeMiB: 12_288 })).toBe(
      '[customizations.kernel]\nappend = "console=tty0 console=ttyS0,115200"\n\n' +
        '[[customizations.filesystem]]\nmountpoint = "/"\nminsize = "10240 MiB"\n',
    );
    expect(builderConfig({ ...usual, sizeMiB: 16, kernelArguments: [] })).not.toContain("kernel");
  });

  test.each([
    [{ backend: "composefs" as const }, /cannot be told --backend composefs/],
    [{ bootloader: "systemd" as const }, /cannot be told --bootloader systemd/],
  ])("refuses %o", async (recipe, words) => {
    await expect(build(createImageBuilder(), { recipe })).rejects.toThrow(words);
  });

  test("that leaves no disk has proved nothing", async () => {
    await fakes({ leavesNothing: true });
    await expect(build(createImageBuilder())).rejects.toThrow(/left no disk of 'it'/);
  });
});

describe("a run on the host", () => {
  const run = async (
    behaviour: Behaviour,
    more: { limitMs?: number; stillMs?: number; maxBytes?: number },
  ) => {
    await fakes(behaviour);
    await mkdir(join(folder, "evidence"));
    const limits = { limitMs: 60_000, stillMs: 60_000, ...more };
    // Something changes until it has said its words.
    let looks = 0;
    const look = async (): Promise<string> =>
      (await installLog()) === "" ? `${looks++}` : "still";
    const asked = { name: "it", script: "installer", args: [], look, tell: () => undefined };
    return runPrivately({ ...asked, ...limits }, how());
  };

  test("that stands still is ended by the watchdog, and its words are kept", async () => {
    const words = "error: this is as far as it came\n";
    await expect(run({ hangs: true, words }, { stillMs: 300 })).rejects.toThrow(/stood still/);
    expect(await installLog()).toBe(words);
  });

  test("whose time is over is ended", async () => {
    const ended = run({ hangs: true }, { limitMs: 300 });
    await expect(ended).rejects.toThrow(/ended by bootgate.*\n.*its time of 300 ms was over/);
  });

  test("that prints without end is ended", async () => {
    await expect(run({ floods: true }, { maxBytes: 100_000 })).rejects.toThrow(/said more than/);
  });
});

test("a file system that the host's kernel does not have is told before anything is started", async () => {
  const missing = requireFileSystems("host", ["ext4", "of-no-kernel"]);
  await expect(missing).rejects.toThrow(HostUnfit);
  await expect(missing).rejects.toThrow(/--builder host mounts .*of-no-kernel, .* does not have/);
});

test("podman's short folder hides none of what it is given", async () => {
  expect(await shortFolder(["/root/x", "/mntx/y"])).toBe("/mnt");
  expect(await shortFolder(["/root/x", "/mnt/cache/y"])).toBe("/media");
  await expect(shortFolder(["/mnt/a", "/media/b", "/srv/c"])).rejects.toThrow(HostUnfit);
});

test("what the host lacks is named", async () => {
  vi.stubEnv("PATH", await onlyPrograms(folder, ["unshare", "mount", "sh"]));
  vi.spyOn(process, "getuid").mockReturnValue(0);
  const refusal = await createPodmanBuilder().refuse();
  // Folders of root's programs are looked through too.
  expect(refusal?.message).toMatch(
    /^--builder podman needs podman and skopeo(?: and \w+)*, which this host does not have\./,
  );
});

test("a run whose builder cannot work here ends with exit code 2 before anything begins", async () => {
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  const said: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
  const words = ["run", "boot/health", "--candidate", join(folder, "no.qcow2"), "--out", folder];
  expect(await mainHere(["node", "bootgate", ...words, "--builder", "podman"])).toBe(2);
  expect(said.join("")).toMatch(/--builder podman needs root, and you are an ordinary user here/);
});
