/**
 * `npm run container -- DIR`: an image of bootgate itself as an OCI layout, made without a daemon, without a container tool
 * and without root, by what builds the reference OS. It is what `images/harness/Containerfile` describes to those who have
 * such a tool: Debian with a Node that is new enough, the packages of the host, this checkout, and a user who is not root.
 */
import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { packLayer, writeLayout } from "../../images/reference/layer.ts";
import { imageManifest, type JsonBlob } from "../../images/reference/oci-layout.ts";
import {
  type BuildContext,
  removeAsRoot,
  runAsRoot,
  runInTree,
  runMounting,
} from "../../images/reference/privileged.ts";
import { BootgateError, UsageError } from "../base/errors.ts";
import { exists } from "../base/exists.ts";
import { packageRoot } from "../base/package-root.ts";
import { runCommand } from "../base/process.ts";
import { quoteArgument } from "../base/quote.ts";
import { createWorkspace } from "../base/workspace.ts";
import { neededPackages } from "./host-packages.ts";

/** The Debian release of the image: the oldest with Node 20.19 and a QEMU that emulates with many threads. */
export const containerSuite = "trixie";

/** All packages of the image. */
export const containerPackages = (): string[] =>
  [...neededPackages("apt", ["run", "build", "test"]), "ca-certificates", "git", "nodejs"].sort();

/** A number: by a name Kubernetes cannot see that it is not root (`runAsNonRoot`). */
const uid = "1000";
const user = "bootgate";
const project = "/opt/bootgate";
const created = "2026-01-01T00:00:00Z";

/**
 * A kernel is what proves that /dev/kvm works (`machine/qemu/accelerator.ts`), and a container does not see the host's. Its
 * modules and an initrd are not needed for that.
 */
export const kernelWords: readonly string[] = [
  "apt-get install -y --no-install-recommends --download-only linux-image-cloud-amd64",
  `for deb in /var/cache/apt/archives/linux-image-[0-9]*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C / --wildcards './boot/vmlinuz-*'; done`,
  "chmod 644 /boot/vmlinuz-*",
  "apt-get clean",
];

/** OpenShift runs images as a user of its own choice in group 0, so what the user may write the group may write too. */
export const userWords: readonly string[] = [
  `useradd --create-home --uid ${uid} --gid 0 ${user}`,
  `chmod -R g=u /home/${user}`,
];

/**
 * What mmdebstrap copies from the host that builds, or leaves of how it was told to build (mmdebstrap(1), "setup"): an engine
 * gives a container its own, and where none does, names must not be asked of the builder's server.
 */
export const buildersOwn: readonly string[] = [
  "/etc/resolv.conf",
  "/etc/hostname",
  "/etc/apt/apt.conf.d/99mmdebstrap",
];

/** What tools leave beside the packages of a checkout that was worked with. */
const leftBesidePackages: readonly string[] = [".vite", ".vite-temp", ".cache"];

/** The configuration of the image: what it starts, and as whom. Pure. */
export function containerConfig(diffId: string): JsonBlob {
  const text = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    created,
    config: {
      User: uid,
      WorkingDir: `/home/${user}`,
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin", `HOME=/home/${user}`, "LC_ALL=C.UTF-8"],
      Entrypoint: ["node", `${project}/harness/setup/start.js`],
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created, created_by: "bootgate harness/setup/container-image" }],
  });
  return { text, digest: `sha256:${createHash("sha256").update(text).digest("hex")}` };
}

/** Puts the checkout's committed files and its Node packages into the tree. */
async function copyProject(tree: string, work: string, context: BuildContext): Promise<void> {
  const { signal } = context;
  const archive = join(work, "project.tar");
  const pack = ["-C", packageRoot, "archive", "--format=tar", `--output=${archive}`, "HEAD"];
  await runCommand("git", pack, { signal });
  const target = join(tree, project);
  await runAsRoot("mkdir", ["-p", join(target, "node_modules")], context);
  await runAsRoot("tar", ["-xf", archive, "--no-same-owner", "-C", target], context);
  await rm(archive);
  const modules = [`${join(packageRoot, "node_modules")}/.`, join(target, "node_modules")];
  await runAsRoot("cp", ["-r", "--preserve=mode,links", ...modules], context);
  const left = leftBesidePackages.map((name) => join(target, "node_modules", name));
  await runAsRoot("rm", ["-rf", "--one-file-system", ...left], context);
}

async function makeTree(tree: string, work: string, context: BuildContext): Promise<void> {
  const packages = containerPackages();
  context.onProgress(`bootstrapping Debian ${containerSuite} with ${packages.length} packages`);
  const include = `--include=${packages.join(",")}`;
  const isOldSnapshot = '--aptopt=Acquire::Check-Valid-Until "false"';
  await runMounting(
    "mmdebstrap",
    [
      ...["--variant=minbase", isOldSnapshot, include],
      // While the tree still has lists of packages; to write safely to a tree that is thrown away takes most of the time.
      ...[`--customize-hook=chroot "$1" sh -ec ${quoteArgument(kernelWords.join("\n"))}`],
      ...["--dpkgopt=force-unsafe-io", containerSuite, tree],
    ],
    context,
  );
  context.onProgress("adding bootgate");
  await copyProject(tree, work, context);
  // Compiled once here, and the user's own: vitest writes beside its packages.
  const words = [
    ...userWords,
    `node ${project}/harness/setup/start.js --version`,
    `chown -R ${uid}:0 ${project}`,
    `chmod -R g=u ${project}`,
    `rm -f ${buildersOwn.join(" ")}`,
  ].join(" && ");
  await runInTree({ tree, work, command: ["sh", "-c", words] }, context);
}

/** Builds the image as an OCI layout in `target`, which must not be there. Returns its digest. */
export async function buildContainerImage(target: string, context: BuildContext): Promise<string> {
  if (await exists(target)) throw new UsageError(`'${target}' is there already.`);
  await using workspace = await createWorkspace("container");
  const [tree, work] = [join(workspace.path, "tree"), join(workspace.path, "work")];
  await mkdir(work);
  try {
    await makeTree(tree, work, context);
    context.onProgress("packing the image");
    const options = { folder: tree, members: ["."], keepOwners: true };
    const empty = ["./dev/*", "./proc/*", "./sys/*", "./run/*", "./tmp/*", "./var/cache/apt/*"];
    const layer = await packLayer(
      { ...options, exclude: empty, target: join(work, "layer.tar.gz") },
      context.signal,
    );
    const config = containerConfig(layer.diffId);
    const manifest = imageManifest(config, [layer]);
    const draft = join(work, "oci");
    await writeLayout(draft, new Map([["latest", { config, manifest, layers: [layer] }]]), "amd64");
    await runCommand("cp", ["-r", "--reflink=auto", draft, target], { signal: context.signal });
    return manifest.digest;
  } finally {
    await removeAsRoot(tree, new AbortController().signal);
  }
}

const [target] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename) {
  try {
    if (target === undefined)
      throw new UsageError("Expected the folder of the layout, which must not be there yet.");
    const { signal } = new AbortController();
    const say = (line: string): void => console.error(line);
    console.log(await buildContainerImage(resolve(target), { onProgress: say, signal }));
  } catch (error) {
    if (!(error instanceof BootgateError)) throw error;
    console.error(error.message);
    process.exitCode = error.blame === "caller" ? 2 : 3;
  }
}
