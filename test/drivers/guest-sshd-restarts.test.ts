/** An sshd that failed once by the console's word, and that systemd starts again after a while (systemd.service(5), RestartSec=). */
import { expect, test } from "vitest";
import { connectGuest } from "../../harness/guest/connect.ts";
import { startFake } from "./support/ssh-fake.ts";

test("is waited for and logged in to, though all has been started", async () => {
  const console =
    "[    0.0] Linux version 5.14\n[    4.2] systemd[1]: systemd 252-51.el9 running in system mode (+PAM)\nWelcome to Fake OS!\n[FAILED] Failed to start OpenSSH server daemon.\n[  OK  ] Reached target Multi-User System.\n";
  let speaks = false;
  await using fake = await startFake({ speaks: () => speaks, console });
  // A second of patience is a tenth here: 15 s for a guest that has started all, and 42 s until its sshd is started again.
  const connecting = connectGuest({ ...fake.options, timeScale: 0.1, readyTimeoutMs: 30_000 });
  connecting.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  speaks = true;
  fake.console.feed(Buffer.from("[  OK  ] Started OpenSSH server daemon.\n"));
  await using guest = await connecting;
  expect(guest.name).toBe("fake");
});
