/** A login prompt, alone on its row or not. */
import { expect, test } from "vitest";
import { isPlainlyUp } from "../../harness/machine/console/came-up.ts";
import { isLoginPrompt } from "../../harness/machine/console/login-prompt.ts";
import { feed, watcherAt } from "./support/console.ts";

test.each([
  "host login: ",
  "host login:",
  "fedora-iot.localdomain login: ",
  "host login: [   58.573210] input: Power Button as /devices/LNXSYSTM:00",
  "[   58.573210] random: crng init done[   58.573999] x",
])("%j", (line) => {
  const isOne = line.includes("login:");
  expect(isLoginPrompt(line)).toBe(isOne);
  const watcher = watcherAt("initrd");
  feed(watcher, `${line}\r\n`);
  expect(watcher.stage).toBe(isOne ? "userspace" : "initrd");
});

test("a prompt behind a kernel message, and one that a kernel message cuts", () => {
  expect(isLoginPrompt("[   58.573210] input: Power Button")).toBe(false);
  const watcher = watcherAt("initrd");
  feed(watcher, "host lo[   58.573210] input: Power Button\r\ngin: ");
  expect(watcher.stage).toBe("userspace");
});

test.each([
  "Last login: Mon Nov 23 10:00:00 on ttyS0",
  "myapp: login: refused",
  "please login: now",
  "",
])("not %j", (line) => expect(isLoginPrompt(line)).toBe(false));

test.each(["initrd", "bootloader"] as const)(
  "a login that a credential answers shows user space, and is not a prompt: %s",
  (stage) => {
    const row = "fedora login: root (automatic login)";
    expect(isLoginPrompt(row)).toBe(false);
    expect(isPlainlyUp([row])).toBe(true);
    const watcher = watcherAt(stage);
    feed(watcher, `${row}\r\n`);
    expect(watcher.stage).toBe("userspace");
  },
);
