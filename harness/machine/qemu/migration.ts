/**
 * Saving and restoring the state of a stopped machine by QEMU's migration. Memory stays out of it (`x-ignore-shared`):
 * it is copied once from the file that it is when saved, and mapped copy-on-write when restored.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, readlink } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { MachineFault } from "../../base/errors.ts";
import { runCommand } from "../../base/process.ts";
import { pump } from "../../base/pump.ts";
import type { QemuMachine } from "./qemu-machine.ts";
import type { QmpClient } from "./qmp.ts";

/** Saving and restoring device state takes less than a second; a busy host gets more. Milliseconds. */
const migrationMs = 60_000;

const capabilities = {
  capabilities: [
    { capability: "x-ignore-shared", state: true },
    { capability: "events", state: true },
  ],
};

/** Waits for the end of a migration, in or out. */
async function migrationEnds(monitor: QmpClient, signal: AbortSignal): Promise<void> {
  const isEnd = (status: unknown) => status === "completed" || status === "failed";
  const event = await monitor.waitForEvent(
    ({ name, data }) => name === "MIGRATION" && isEnd(data.status),
    migrationMs,
    signal,
  );
  const { data } = event as { data: { status: unknown } };
  if (data.status !== "failed") return;
  const facts = (await monitor.execute("query-migrate", {}, signal).catch(() => ({}))) as Record<
    string,
    unknown
  >;
  throw new MachineFault("QEMU could not save or restore the machine's state.", {
    details: { said: String(facts["error-desc"] ?? "no reason") },
  });
}

/** Stops the guest and writes device state and memory into two files. */
export async function saveState(
  machine: QemuMachine,
  to: { readonly state: string; readonly memory: string },
  signal: AbortSignal,
): Promise<void> {
  const { monitor, process: qemu } = machine.running;
  await monitor.execute("stop", {}, signal);
  await monitor.execute("migrate-set-capabilities", capabilities, signal);
  // A socket of ours takes the state: `exec:` would need a shell and `file:` came with QEMU 8.2.
  const socket = join(machine.socketsPath, "mig");
  const server = createServer();
  const saved = new Promise<void>((resolve, reject) => {
    server.once("connection", (peer) => {
      pipeline(peer, createWriteStream(to.state)).then(resolve, reject);
    });
  });
  saved.catch(() => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  try {
    const ends = migrationEnds(monitor, signal);
    await monitor.execute("migrate", { uri: `unix:${socket}` }, signal);
    await ends;
    await saved;
  } finally {
    server.close();
  }
  // After the devices' state, since saving it may still write to memory.
  await copySparse(await memoryFile(qemu.pid), to.memory, signal);
}

/** The file that the guest's memory is: the one that QEMU was given, or a memfd(2) of its own. Neither has a name. */
async function memoryFile(pid: number): Promise<string> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder)) {
    const link = await readlink(join(folder, fd)).catch(() => "");
    if (/^\/(?:dev\/shm\/bootgate-|memfd:memory-backend-memfd)/.test(link)) return join(folder, fd);
  }
  throw new MachineFault("The memory of QEMU could not be found.", {
    details: { searched: folder },
  });
}

/** Copies a file and keeps its holes. */
export async function copySparse(from: string, to: string, signal: AbortSignal): Promise<void> {
  await runCommand("cp", ["--sparse=always", "--", from, to], { signal });
}

/** Starts QEMU on the template's memory, feeds it the devices' state and lets the guest go on. */
export async function restoreState(
  machine: QemuMachine,
  state: string,
  signal: AbortSignal,
): Promise<void> {
  const { monitor } = await machine.launch(signal);
  machine.console.resumed();
  await monitor.execute("migrate-set-capabilities", capabilities, signal);
  // A fork tells its network where it is. `announce-rounds` 0 would save that, and QEMU 10.0.2 dies of it at the next reset (SIGSEGV).
  const socket = join(machine.socketsPath, "mig");
  const ends = migrationEnds(monitor, signal);
  await monitor.execute("migrate-incoming", { uri: `unix:${socket}` }, signal);
  // QEMU hangs up once it has read the end, at times before the stream has told of its own: its word about the migration counts.
  await pump(createReadStream(state), connect(socket), signal).catch(() => signal.throwIfAborted());
  await ends;
  await monitor.execute("cont", {}, signal);
}
