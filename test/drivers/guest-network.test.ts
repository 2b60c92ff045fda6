/** A guest that answers over its root channel, and whose network has no address. */
import { expect, test } from "vitest";
import { connectGuest } from "../../harness/guest/connect.ts";
import { failureOf } from "../contract/support/failure.ts";
import { boots, guestShell } from "./support/guest-shell.ts";
import { startFake } from "./support/ssh-fake.ts";

const listens = "echo '0: 00000000:0016 00000000:0000 0A'";
const noAddress = "echo 'lo UNKNOWN 127.0.0.1/8'; echo 'eth0 DOWN'";

test("a network that has no address yet has all its time for it, and is failed by it then", async () => {
  await using shell = await guestShell({ cat: boots, grep: listens, ip: noAddress });
  await using fake = await startFake({ port: shell.port, onSocket: () => undefined });
  const began = performance.now();
  const failure = await failureOf(connectGuest({ ...fake.options, readyTimeoutMs: 6000 }));
  expect(performance.now() - began).toBeGreaterThan(5900);
  expect(failure.kind).toBe("failed BootFailed");
  expect(failure.text).toMatch(/came up, but its network has no address\.[\s\S]*eth0 DOWN/);
});
