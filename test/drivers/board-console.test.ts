/** Console lines against real counterparts: socat's terminals, ser2net, sockets and programs; each way in which a line ends is named. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { consoleSchema } from "../../harness/machine/board/config-console.ts";
import { feedConsole } from "../../harness/machine/board/console/feed-console.ts";
import { KeptLine, type KeptLineOptions } from "../../harness/machine/board/console/kept-line.ts";
import { lineName } from "../../harness/machine/board/console/line.ts";
import { lineOpener } from "../../harness/machine/board/console/open-line.ts";
import { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import { Cable, ConsoleServer } from "../boards/serial.ts";

const { signal } = new AbortController();
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-line-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function told(act: Promise<unknown>): Promise<string> {
  const error = await act.then(
    () => new Error("nothing was wrong"),
    (thrown: unknown) => thrown,
  );
  expect(outcomeOf(error).kind).toBe("broken");
  return messageOf(error);
}

interface Heard {
  readonly line: KeptLine;
  text(): string;
}

async function listen(
  config: object,
  more: Partial<KeptLineOptions> = {},
): Promise<Heard & AsyncDisposable> {
  const parsed = consoleSchema.parse(config);
  const chunks: Buffer[] = [];
  const line = await KeptLine.open(
    {
      board: "pi",
      what: lineName(parsed),
      open: lineOpener(parsed),
      onBytes: (bytes) => chunks.push(Buffer.from(bytes)),
      onNote: (note) => chunks.push(Buffer.from(note)),
      ...more,
    },
    signal,
  );
  return {
    line,
    text: () => Buffer.concat(chunks).toString("latin1"),
    [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
  };
}

const soon = { timeout: 20_000, interval: 20 };

describe("a serial adapter", () => {
  test("brings each byte, takes what is typed, and feeds the console's log and watcher", async () => {
    await using cable = new Cable(folder);
    await cable.plugIn();
    const path = join(folder, "console.log");
    const console = new ConsoleLog({
      path,
      name: "pi",
      firstByteMs: 1e6,
      silenceMs: 1e6,
      patience: 1,
    });
    console.poweredOn();
    const config = consoleSchema.parse({ by: "serial", device: cable.hostEnd });
    {
      await using fed = await feedConsole(
        { console, maxBytes: 1e6, board: "pi", what: lineName(config), open: lineOpener(config) },
        signal,
      );
      await cable.say("U-Boot 2025.01 (Jan 06 2025)\r\n");
      await cable.say("[    0.000000] Linux version 6.12.0 (gcc) #1 SMP\r\n\xff\xfe");
      await vi.waitFor(() => expect(console.stage).toBe("kernel"), soon);
      await console.type("root\n");
      expect(await cable.hears()).toBe("root\n");
      expect(fed.line.reopened).toBe(0);
    }
    console.poweredOff();
    expect(await readFile(path, "latin1")).toMatch(/^U-Boot 2025\.01 .*Linux version 6\.12\.0/s);
  });

  test("that is unplugged and comes back is heard again, with a note of what was missed", async () => {
    await using cable = new Cable(folder);
    await cable.plugIn();
    await using heard = await listen({ by: "serial", device: cable.hostEnd });
    await cable.say("before\n");
    await vi.waitFor(() => expect(heard.text()).toContain("before"), soon);
    await cable.unplug();
    await cable.plugIn();
    await vi.waitFor(() => expect(heard.line.reopened).toBe(1), soon);
    await cable.say("after\n");
    await vi.waitFor(() => expect(heard.text()).toContain("after"), soon);
    expect(heard.text()).toMatch(
      /before\n\n\[bootgate: the serial adapter \S+ was away for .*: it was unplugged\]\nafter/,
    );
  });

  test("that stays away is named, and cannot be typed at", async () => {
    await using cable = new Cable(folder);
    await cable.plugIn();
    await using heard = await listen({ by: "serial", device: cable.hostEnd }, { reopenMs: 300 });
    await cable.unplug();
    expect(await told(heard.line.lost)).toMatch(
      /The serial adapter \S+ of board 'pi' is gone: it was unplugged\..*last try +The serial adapter '\S+' is not there/s,
    );
    expect(await told(heard.line.type("x"))).toContain("cannot be typed at");
  });

  test("that somebody has, or that is not there", async () => {
    await using cable = new Cable(folder);
    await cable.plugIn();
    await using _first = await listen({ by: "serial", device: cable.hostEnd });
    expect(await told(listen({ by: "serial", device: cable.hostEnd }))).toMatch(
      /is in use\..*two readers/s,
    );
    expect(await told(listen({ by: "serial", device: "/dev/ttyNotThere" }))).toMatch(
      /is not there\..*by-id/s,
    );
  });

  test("at a wrong speed is told as that, and is the fault of no image", async () => {
    await using cable = new Cable(folder);
    await cable.plugIn();
    await using heard = await listen({ by: "serial", device: cable.hostEnd }, { baud: 9600 });
    const noise = Uint8Array.from({ length: 600 }, (_, index) => (index * 151 + 13) % 256);
    await cable.say(noise);
    expect(await told(heard.line.lost)).toMatch(
      /says is not text\..*another speed than 9600 baud/s,
    );
  });
});

describe.each([
  ["tcp", "tcp"],
  ["rfc2217", "telnet(rfc2217),tcp"],
] as const)("a console server by %s", (by, kind) => {
  test("brings bytes as they are both ways, refuses a second listener, and is found again after a restart", async () => {
    await using cable = new Cable(folder);
    await cable.plugIn();
    await using server = new ConsoleServer(folder, cable.hostEnd, kind);
    await server.start();
    const config = { by, host: "127.0.0.1", port: server.port };
    let heard: Awaited<ReturnType<typeof listen>> | undefined;
    // The server lets go of the port a moment after the one that looked whether it listens.
    await vi.waitFor(async () => {
      heard = await listen(config);
    }, soon);
    await using open = heard as NonNullable<typeof heard>;
    await cable.say(Buffer.from([0x61, 0xff, 0xff, 0x00, 0x0d, 0x0a, 0x7a]));
    await vi.waitFor(() => expect(open.text()).toBe("a\xff\xff\x00\r\nz"), soon);
    await open.line.type("ls\n");
    expect(await cable.hears()).toBe("ls\n");
    expect(await told(listen(config))).toMatch(/says that the port is in use/);
    await server.stop();
    await server.start();
    await vi.waitFor(() => expect(open.line.reopened).toBeGreaterThan(0), soon);
    await cable.say("again");
    await vi.waitFor(() => expect(open.text()).toContain("again"), soon);
  });
});

describe("a socket", () => {
  const servers: { close(): void }[] = [];
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) server.close();
  });
  const serve = async (onSocket: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      onSocket(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };

  test("at which nothing listens, or that hangs up at once", async () => {
    const port = await serve((socket) => socket.end("go away\n"));
    expect(await told(listen({ by: "tcp", host: "127.0.0.1", port }))).toMatch(
      /hung up at once.*go away/s,
    );
    servers[0]?.close();
    expect(await told(listen({ by: "tcp", host: "127.0.0.1", port }))).toMatch(
      /cannot be reached: .*ECONNREFUSED.*ser2net/s,
    );
  });

  test("that does not speak RFC 2217, or keeps another speed", async () => {
    const deaf = await serve((socket) => socket.write(Buffer.from([255, 254, 44])));
    expect(await told(listen({ by: "rfc2217", host: "127.0.0.1", port: deaf }))).toMatch(
      /does not speak RFC 2217: it refuses.*by: tcp/s,
    );
    const slow = await serve((socket) =>
      socket.write(Buffer.from([255, 253, 44, 255, 250, 44, 101, 0, 0, 0x25, 0x80, 255, 240])),
    );
    expect(await told(listen({ by: "rfc2217", host: "127.0.0.1", port: slow }))).toContain(
      "speaks at 9600 baud, and was told 115200",
    );
  });
});

describe("a program", () => {
  test("is a console, and its end is told with its words", async () => {
    const script = "echo ready; read line; echo got $line; echo no such place >&2; exit 4";
    await using heard = await listen(
      { by: "command", run: ["sh", "-c", script] },
      {
        reopenMs: 0,
        open: once(lineOpener(consoleSchema.parse({ by: "command", run: ["sh", "-c", script] }))),
      },
    );
    await vi.waitFor(() => expect(heard.text()).toContain("ready"), soon);
    await heard.line.type("hello\n");
    expect(await told(heard.line.lost)).toMatch(
      /is gone: its program ended with exit code 4 and said: no such place/,
    );
    expect(heard.text()).toContain("got hello");
  });

  test("that ends at once is told with its words, and one that soon ends each time is gone", async () => {
    const script = "echo in use by ann; echo sorry >&2; exit 2";
    expect(await told(listen({ by: "command", run: ["sh", "-c", script] }))).toMatch(
      /The console command 'sh' ended at once: its program ended with exit code 2 and said: sorry.*in use by ann/s,
    );
    const soonEnds = ["sh", "-c", "echo hello; sleep 0.3"];
    await using heard = await listen({ by: "command", run: soonEnds }, { reopenMs: 1000 });
    expect(await told(heard.line.lost)).toMatch(
      /is gone: its program ended with exit code 0.*opened, and ended again/s,
    );
    expect(heard.line.reopened).toBeGreaterThan(0);
  });

  test("whose note of an absence is not a word of the board", async () => {
    const path = join(folder, "console.log");
    const patient = { path, name: "pi", firstByteMs: 1e6, silenceMs: 1e6, patience: 1 };
    const console = new ConsoleLog(patient);
    const feed = vi.spyOn(console, "feed");
    const config = consoleSchema.parse({ by: "command", run: ["sleep", "0.4"] });
    {
      const line = { board: "pi", what: lineName(config), open: lineOpener(config) };
      await using fed = await feedConsole({ console, maxBytes: 1e6, ...line }, signal);
      await vi.waitFor(() => expect(fed.line.reopened).toBeGreaterThan(0), soon);
    }
    expect(feed).not.toHaveBeenCalled();
    expect(await readFile(path, "latin1")).toContain("was away for");
  });

  test("that is not there", async () => {
    expect(await told(listen({ by: "command", run: ["not-a-program"] }))).toContain(
      "has no command 'not-a-program'",
    );
  });
});

/** The opener for one time: what it would open again would run again. */
function once(open: ReturnType<typeof lineOpener>): ReturnType<typeof lineOpener> {
  let used = false;
  return (listener, stop) => {
    if (used) return Promise.reject(new Error("it is not opened again"));
    used = true;
    return open(listener, stop);
  };
}
