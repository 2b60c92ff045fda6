/** The walls of this tier stand: what would start a process or open a socket fails here. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";

const refused = /^The unit tier starts no process and opens no socket/;

test("no process is started, in whichever way", async () => {
  expect(() => spawn("true")).toThrow(refused);
  expect(() => spawnSync("true")).toThrow(refused);
  expect(() => execFileSync("true")).toThrow(refused);
  await expect(attemptCommand("true", [])).rejects.toThrow();
});

test("no socket is opened", () => {
  expect(() => connect(1, "127.0.0.1")).toThrow(refused);
  expect(() => createServer().listen(0)).toThrow(refused);
});
