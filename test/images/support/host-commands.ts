/**
 * Fakes of the programs by which the host's own builders work: they do nothing to the host, note how they were called, and
 * an "installer" among them behaves as it is told. None of them is the real one.
 */
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the installer does. `words` come first in each. */
export interface Behaviour {
  readonly words?: string;
  readonly exitCode?: number;
  /** It says nothing more and never ends. */
  readonly hangs?: boolean;
  /** It prints without end. */
  readonly floods?: boolean;
  /** mount(8) refuses, as it does for the root of many containers. */
  readonly refusesMounts?: boolean;
  /** It leaves no disk behind. */
  readonly leavesNothing?: boolean;
}

export interface FakeHost {
  /** To stand first in PATH. */
  readonly path: string;
  /** How the programs were called, a line each: the program's name and its words. */
  calls(): Promise<string[]>;
}

/** The kernel's calls that unshare(1) stands for are left out; everything else runs as it would. */
const setpriv = `#!/bin/sh
case "$*" in
*"--kill-child"*) ;;
*) exec /usr/bin/setpriv "$@" ;;
esac
note setpriv "$@"
until [ "$1" = sh ]; do shift; done
exec "$@"
`;

/** Shows the devices that the file `loops` in the folder lists. */
const losetup = (folder: string): string => `#!/bin/sh
note losetup "$@"
case "$*" in
  *--show*) for last; do :; done; echo "$last" ;;
  *--output*) test ! -e "${folder}/loops" || cat "${folder}/loops" ;;
esac
`;

/** The namespace that would end it is left out. It takes hold once it runs: what hangs notes that before it is to be ended. */
const dies = "exec /usr/bin/setpriv --pdeathsig KILL";

/** Writes a partition table on the file that its last word names. */
const installer = (folder: string, behaviour: Behaviour): string => `#!/bin/sh
cat "${join(folder, "words")}"
for last; do :; done
${behaviour.floods === true ? `${dies} yes 0123456789` : ""}
${behaviour.hangs === true ? `${dies} sh -c 'note hangs; exec sleep 1000'` : ""}
${behaviour.leavesNothing === true || behaviour.exitCode !== undefined ? "" : 'sgdisk --new=1:2048:4095 --typecode=1:EF00 "$last" >/dev/null'}
exit ${behaviour.exitCode ?? 0}
`;

const chroot = `#!/bin/sh
note chroot "$@"
exec installer "$@"
`;

/** `podman run`: an installer, or bootc-image-builder with its volumes. */
const podman = `#!/bin/sh
note podman "$@"
case "$*" in
*bootc-image-builder:*)
  for word; do
    case "$word" in
    --volume=*:/output) output=\${word#--volume=}; output=\${output%:/output} ;;
    --volume=*:/config.toml:ro) config=\${word#--volume=}; cat "\${config%:/config.toml:ro}" ;;
    esac
  done
  mkdir -p "$output/qcow2"
  raw=$output/raw
  truncate -s 8M "$raw"
  installer "$raw" || exit $?
  test "$(sgdisk --print "$raw" 2>/dev/null | grep -c EF00)" = 0 && exit 0
  exec qemu-img convert -f raw -O qcow2 "$raw" "$output/qcow2/disk.qcow2"
  ;;
*) exec installer "$@" ;;
esac
`;

/** Makes the fakes in a folder. */
export async function fakeHost(folder: string, behaviour: Behaviour = {}): Promise<FakeHost> {
  const path = join(folder, "bin");
  const log = join(folder, "calls");
  await mkdir(path, { recursive: true });
  await writeFile(log, "");
  await writeFile(
    join(folder, "words"),
    behaviour.words ?? "bootc 1.16.9\nInstallation complete!\n",
  );
  const noted = (name: string): string => `#!/bin/sh\nnote ${name} "$@"\n`;
  const programs: Readonly<Record<string, string>> = {
    note: `#!/bin/sh\nprintf '%s' "$*" | tr '\\n' ' ' >>"${log}"\necho >>"${log}"\n`,
    setpriv,
    losetup: losetup(folder),
    chroot,
    podman,
    installer: installer(folder, behaviour),
    // What is mounted in a namespace is empty; here it is the host's own, which must stay as it is.
    mkdir: `#!/bin/sh\ncase "$*" in *" /mnt/"*|"/mnt/"*) exit 0 ;; esac\nexec /bin/mkdir "$@"\n`,
    mount: `${noted("mount")}exit ${behaviour.refusesMounts === true ? 32 : 0}\n`,
    blockdev: noted("blockdev"),
    sync: noted("sync"),
    skopeo: noted("skopeo"),
  };
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(path, name), text);
    await chmod(join(path, name), 0o755);
  }
  return {
    path,
    calls: async () => (await readFile(log, "utf8")).split("\n").filter((line) => line !== ""),
  };
}

/** A folder for PATH with these programs of the host and no other. */
export async function onlyPrograms(folder: string, names: readonly string[]): Promise<string> {
  const path = join(folder, "only");
  await mkdir(path, { recursive: true });
  for (const name of names) await symlink(`/usr/bin/${name}`, join(path, name));
  return path;
}
