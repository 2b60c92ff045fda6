/** A board behind a real labgrid coordinator and exporter: had, switched, listened to and given back, whatever ends its holder. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { lineOpener } from "../../harness/machine/board/console/open-line.ts";
import { writePlace } from "../../harness/machine/board/labgrid/place.ts";
import { holderOf, type Lease, takeBoard } from "../../harness/machine/board/lease/lease.ts";
import { openSwitch } from "../../harness/machine/board/power/open-switch.ts";
import { HttpPlug } from "../boards/http-plug.ts";
import { Lab } from "../boards/labgrid.ts";
import { Script } from "../contract/support/namespaces.ts";

const { signal } = new AbortController();
const soon = { timeout: 50_000, interval: 50 };
const place = "rack-pi4";
/** Each question to the client starts Python with gRPC. */
const slow = { timeout: 240_000 };

let labFolder = "";
let lab: Lab;
let plug: HttpPlug;
let serial: Server;
const sockets = new Set<Socket>();
const typed: string[] = [];
beforeAll(async () => {
  labFolder = await mkdtemp(join(tmpdir(), "bootgate-lab-"));
  plug = await HttpPlug.start({ kind: "simplerest" });
  serial = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => void typed.push(String(bytes)));
    socket.write("U-Boot 2025.01\r\n");
  });
  await new Promise<void>((resolve) => serial.listen(0, "127.0.0.1", resolve));
  const { port } = serial.address() as { port: number };
  lab = await Lab.start(labFolder, place, {
    NetworkSerialPort: { host: "127.0.0.1", port, protocol: "raw" },
    NetworkPowerPort: {
      model: "simplerest",
      host: `http://${plug.host}/{index}/{value}`,
      index: 0,
    },
  });
}, slow.timeout);
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await plug?.[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => serial.close(resolve));
  await rm(labFolder, { recursive: true });
});

let folder = "";
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-place-"));
  path = join(folder, "boards.yaml");
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "boards"));
  vi.stubEnv("PATH", `${lab.bin}:${process.env.PATH ?? ""}`);
  await describeBoard({});
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const describeBoard = (more: { place?: string; coordinator?: string }): Promise<void> =>
  writeFile(
    path,
    `version: 1
boards:
  pi:
    labgrid: { place: ${more.place ?? place}, coordinator: "${more.coordinator ?? lab.coordinator}" }
    power: { by: labgrid }
    console: { by: labgrid }
    storage: { by: labgrid }
    # A busy host starts the client in many seconds.
    limits: { switchSeconds: 300 }
`,
  );

const board = async () => boardNamed(await loadBoards(path), "pi");
const take = async (onWait?: (holder: string) => void): Promise<Lease> =>
  takeBoard({
    board: await board(),
    boardsPath: path,
    use: "runs/x",
    lastsMs: 600_000,
    signal,
    ...(onWait === undefined ? {} : { onWait }),
  });
/** Waits until the place is somebody's by these words; null: nobody's. */
const expectHolder = (words: RegExp | null): Promise<void> =>
  vi.waitFor(async () => {
    const holder = await lab.holder(place);
    if (words === null) expect(holder).toBeNull();
    else expect(holder).toMatch(words);
  }, soon);
const ours = new RegExp(`^${hostname()}/${userInfo().username}$`);
const refusalOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a board of a labgrid place", slow, () => {
  test("is acquired with the lease, and given back with its power off", async () => {
    {
      await using lease = await take();
      await expectHolder(ours);
      const power = await openSwitch({ board: await board(), boardsPath: path, person: null });
      await power.set(true, signal);
      expect(plug.isOn).toBe(true);
      expect(await power.state?.(signal)).toBe(true);
      expect(lease.kept).toBeNull();
    }
    expect(plug.isOn).toBe(false);
    await expectHolder(null);
  });

  test("of a run that is killed with -9 is given back, which labgrid itself would not do", async () => {
    await using run = new Script("takes-a-board.ts", [path]);
    expect(await run.line(0)).toBe("held");
    await expectHolder(ours);
    plug.turn(true);
    await run.kill();
    await vi.waitFor(async () => expect(await holderOf("pi")).toBeNull(), soon);
    expect(plug.isOn).toBe(false);
    await expectHolder(null);
  });

  test("that somebody else has is told with who, or waited for in the coordinator's order", async () => {
    await lab.client(["-p", place, "acquire"], "ann");
    const error = await refusalOf(take());
    expect(outcomeOf(error).kind).toBe("broken");
    expect(messageOf(error)).toMatch(/^Board 'pi' is busy: ann on \S+ has it/);
    expect(await holderOf("pi")).toBeNull();
    const waits: string[] = [];
    const next = take((who) => waits.push(who));
    await vi.waitFor(() => expect(waits).toHaveLength(1), soon);
    await expectHolder(/\/ann$/);
    await vi.waitFor(
      async () => expect(await lab.client(["reservations"])).toContain(`name=${place}`),
      soon,
    );
    await lab.client(["-p", place, "release"], "ann");
    await using _lease = await next;
    await expectHolder(ours);
  });

  test("that was given to somebody else meanwhile is not taken from him", async () => {
    const lease = await take();
    await lab.client(["-p", place, "release", "--kick"], "boss");
    await lab.client(["-p", place, "acquire"], "ann");
    await lease[Symbol.asyncDispose]();
    await expectHolder(/\/ann$/);
    await lab.client(["-p", place, "release"], "ann");
  });

  test("speaks over the port that its exporter offers, and is typed at", async () => {
    await using _lease = await take();
    const { console, labgrid } = await board();
    let said = "";
    const onBytes = (bytes: Uint8Array): void => {
      said += Buffer.from(bytes).toString();
    };
    await using line = await lineOpener(console, labgrid)({ onBytes }, signal);
    await vi.waitFor(() => expect(said).toBe("U-Boot 2025.01\r\n"), soon);
    await line.send(Buffer.from("boot\n"));
    await vi.waitFor(() => expect(typed.join("")).toBe("boot\n"), soon);
  });
});

describe("what is wrong is told, and is never the image's fault", slow, () => {
  test("a place that does not exist", async () => {
    await describeBoard({ place: "nowhere" });
    const error = await refusalOf(take());
    expect(outcomeOf(error).kind).toBe("broken");
    expect(messageOf(error)).toMatch(/does not have a place 'nowhere'/);
    expect(await holderOf("pi")).toBeNull();
  });

  test("a coordinator that does not answer", async () => {
    await describeBoard({ coordinator: "127.0.0.1:1" });
    const error = await refusalOf(take());
    expect(outcomeOf(error).kind).toBe("broken");
    expect(messageOf(error)).toMatch(/The labgrid coordinator at 127\.0\.0\.1:1 does not answer/);
  });

  test("a host without labgrid", async () => {
    vi.stubEnv("PATH", (process.env.PATH ?? "").replace(`${lab.bin}:`, ""));
    const error = await refusalOf(take());
    expect(messageOf(error)).toMatch(/The host has no command 'labgrid-client'/);
    expect(messageOf(error)).toMatch(/pip install labgrid/);
  });

  test("a place that lacks what is asked of it", async () => {
    await using _lease = await take();
    const options = { signal, timeoutMs: 60_000 };
    const error = await refusalOf(writePlace(await labgridOf(), "/dev/null", options));
    expect(outcomeOf(error).kind).toBe("broken");
    expect(messageOf(error)).toMatch(/labgrid refuses what is asked of place 'rack-pi4'/);
  });
});

const labgridOf = async () => {
  const { labgrid } = await board();
  if (labgrid === undefined) throw new TypeError("The board has a place.");
  return labgrid;
};

test("a card is switched to the host, written and switched to the board (a stand-in for the client: no card is here)", async () => {
  const client = join(folder, "labgrid-client");
  await writeFile(
    client,
    `#!/bin/sh
echo "$*" >> '${folder}/asked'
[ "$5" = show ] && cat << 'END'
Place 'rack-pi4':
  matches:
    lab/rack-pi4/*
  acquired: host/user
  acquired resources:
Acquired resource 'mux' (lab/rack-pi4/NetworkUSBSDMuxDevice/USBSDMuxDevice):
  {'acquired': 'rack-pi4',
   'avail': True,
   'cls': 'NetworkUSBSDMuxDevice',
   'params': {'control_path': '/dev/sg1', 'host': "it's", 'path': None}}
END
exit 0
`,
  );
  await chmod(client, 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH ?? ""}`);
  await writePlace(await labgridOf(), "/images/pi.raw", { signal, timeoutMs: 1000 });
  const asked = (await readFile(join(folder, "asked"), "utf8")).trim().split("\n");
  const after = `-x ${lab.coordinator} -p ${place} `;
  expect(asked.map((line) => line.replace(after, ""))).toEqual([
    "show",
    "sd-mux host",
    "write-image /images/pi.raw",
    "sd-mux dut",
  ]);
});
