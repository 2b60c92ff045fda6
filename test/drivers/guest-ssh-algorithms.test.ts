/** An sshd that offers what the harness's client does not have. */
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { newPrivateKey } from "../../harness/guest/ssh/ssh-key.ts";
import { failureOf } from "../contract/support/failure.ts";
import { connectTo } from "./support/ssh-fake.ts";

test("a guest that offers algorithms that the harness does not have: nobody's failure, and told at once", async () => {
  const hostKeys = [newPrivateKey()];
  const { fake, guest } = await connectTo({
    onSocket: (socket) => {
      const algorithms = { kex: ["diffie-hellman-group18-sha512" as const] };
      const server = new ssh2.Server({ hostKeys, algorithms }, (client) => {
        client.on("error", () => undefined);
      });
      server.injectSocket(socket);
    },
  });
  await using _fake = fake;
  const failure = await failureOf(guest);
  expect(failure.kind).toBe("broken CannotTell");
  expect(failure.text).toMatch(/do not have an algorithm in common[\s\S]*no matching/);
});
