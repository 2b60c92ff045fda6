/** The monitor client over a real socket, with a peer that misbehaves. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { QmpClient, type QmpEvent } from "../../harness/machine/qemu/qmp.ts";

const signal = new AbortController().signal;
let workspace: Workspace;
let count = 0;
beforeAll(async () => {
  workspace = await createWorkspace("test");
});
afterAll(async () => workspace[Symbol.asyncDispose]());

const greeting = '{"QMP": {"version": {}, "capabilities": []}}\n';
const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable("it had to fail"),
    (error: unknown) => error as Error,
  );

/** A client whose peer answers each command line with what `answer` returns. */
async function attach(
  answer: (line: string, peer: Socket) => string,
  events: QmpEvent[] = [],
  hello = greeting,
) {
  const path = join(workspace.path, `s${count++}`);
  const server = createServer((peer) => {
    peer.write(hello);
    peer.on("error", () => undefined);
    peer.on("data", (data) => {
      for (const line of String(data).trim().split("\n")) peer.write(answer(line, peer));
    });
  });
  server.listen(path);
  await once(server, "listening");
  const socket = connect(path);
  await once(socket, "connect");
  server.close();
  return QmpClient.attach(socket, {
    answerMs: 400,
    onEvent: (event) => events.push(event),
    signal,
  });
}
const ok = (line: string, result: unknown = {}): string =>
  `${JSON.stringify({ return: result, id: (JSON.parse(line) as { id: number }).id })}\n`;

test("answers find their questions, whatever comes between and however it is cut", async () => {
  const events: QmpEvent[] = [];
  const held: string[] = [];
  const client = await attach((line, peer) => {
    if (!line.includes("query")) return ok(line);
    held.push(line);
    if (held.length < 2) return '{"event": "RESET", "data": {"guest": true}}\n';
    const text = held
      .reverse()
      .map((one) => ok(one, JSON.parse(one).execute))
      .join("");
    for (const char of text) peer.write(char);
    return "";
  }, events);
  const both = [client.execute("query-a", {}, signal), client.execute("query-b", {}, signal)];
  expect(await Promise.all(both)).toEqual(["query-a", "query-b"]);
  expect(events).toEqual([{ name: "RESET", data: { guest: true } }]);
  client.close();
});

test.each<[string, (line: string, peer: Socket) => string, RegExp]>([
  ["no answer", () => "", /did not answer 'stop' within 400 ms/],
  [
    "a refusal",
    (line) =>
      `${JSON.stringify({ error: { class: "GenericError", desc: "no such thing" }, id: JSON.parse(line).id })}\n`,
    /refused 'stop': no such thing/,
  ],
  ["what is not JSON", () => "<html>\n", /not QMP/],
  ["a line without end", () => "x".repeat(3_000_000), /more than 1048576/],
  [
    "a monitor that closes",
    (_, peer) => (peer.destroy().destroyed ? "" : ""),
    /closed its monitor|broke off/,
  ],
])("%s", async (_, answer, message) => {
  const client = await attach((line, peer) =>
    line.includes("qmp_capabilities") ? ok(line) : answer(line, peer),
  );
  const error = await failureOf(client.execute("stop", {}, signal));
  expect(error).toBeInstanceOf(MachineFault);
  expect(error.message).toMatch(message);
  client.close();
});

test("a peer that never greets is given up", async () => {
  expect((await failureOf(attach(ok, [], ""))).message).toMatch(/did not answer 'greeting'/);
});

test("a command ends with its signal", async () => {
  const client = await attach((line) => (line.includes("qmp_capabilities") ? ok(line) : ""));
  const stop = new AbortController();
  const pending = client.execute("stop", {}, stop.signal);
  stop.abort(new Error("enough"));
  await expect(pending).rejects.toThrow("enough");
  client.close();
});
