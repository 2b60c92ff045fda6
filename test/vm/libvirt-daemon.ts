/**
 * A libvirt daemon of a test's own: a session's, in folders of its own, so that neither the host's daemon nor a session of the
 * person who runs the tests is touched. As root it runs as another user, since a session of root's does not exist.
 */
import { chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exists } from "../../harness/base/exists.ts";
import { startProcess } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";

export interface LibvirtDaemon extends AsyncDisposable {
  readonly uri: string;
  readonly folder: string;
}

/** `nobody`, who owns nothing. */
const nobody = 65_534;
const programs = ["/usr/sbin/virtqemud", "/usr/sbin/libvirtd"];

/** Starts it. Throws where the host has none. */
export async function startLibvirt(): Promise<LibvirtDaemon> {
  const found = await Promise.all(programs.map(async (path) => ((await exists(path)) ? path : "")));
  const program = found.reverse().find((path) => path !== "");
  if (program === undefined) throw new Error(`the host has none of ${programs.join(", ")}`);
  const isRoot = process.getuid?.() === 0;
  // The temporary folder of a run of all tiers lies in its user's home, where nobody else gets to, and is too long for a socket's name.
  const folder = await mkdtemp(join(isRoot ? "/tmp" : tmpdir(), "bootgate-libvirt-"));
  const places = {
    HOME: "home",
    XDG_RUNTIME_DIR: "run",
    XDG_CONFIG_HOME: "c",
    XDG_CACHE_HOME: "k",
  };
  const env: Record<string, string> = {};
  for (const [name, word] of Object.entries(places)) {
    env[name] = join(folder, word);
    await mkdir(join(folder, word), { mode: 0o700 });
    if (isRoot) await chown(join(folder, word), nobody, nobody);
  }
  if (isRoot) await chown(folder, nobody, nobody);
  const words = ["--pdeathsig", "KILL", "--"];
  const as = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  // A change of user takes the signal of the parent's death away, so it is set behind it.
  const start = (...more: string[]) =>
    startProcess("setpriv", [...(isRoot ? as : []), ...words, ...more], { env, cwd: "/" });
  // The daemon would start one by itself, which would outlive it for two minutes.
  const logs = start("/usr/sbin/virtlogd");
  const daemon = start(program);
  const name = program.endsWith("virtqemud") ? "virtqemud-sock" : "libvirt-sock";
  const socket = join(folder, "run/libvirt", name);
  await waitFor({
    what: "the socket of libvirt",
    probe: async () =>
      (await exists(socket)) && (await exists(join(folder, "run/libvirt/virtlogd-sock")))
        ? true
        : undefined,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    giveUpWhen: daemon.exited.then(({ stderrTail }): never => {
      throw new Error(`${program} ended: ${stderrTail}`);
    }),
  });
  return {
    uri: `qemu:///session?socket=${socket}`,
    folder,
    async [Symbol.asyncDispose]() {
      await daemon.stop(10_000);
      await logs.stop(10_000);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
