/** What commands over SSH take in and give out by themselves, and the keys that a login is checked against. */
import { once } from "node:events";
import type { ServerChannel } from "ssh2";

/** The commands every login needs; sabotages of commands leave them alone so that there is a guest to sabotage. */
export const loginCommand = /boot_id$|^date |^systemctl is-enabled /;

const floodBytes = 100_000_000;

export const junk = Buffer.from(
  "\x1b[2J\x1b[31m\x1b]0;title\x07\0\xff\xfe\x80 ]]></testcase><failure/>\n::error::junk\n",
  "latin1",
);

/** All of a command's input. */
export async function readInput(channel: ServerChannel): Promise<string> {
  const chunks: Buffer[] = [];
  channel.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(channel, "end");
  return Buffer.concat(chunks).toString("utf8");
}

/** Prints until the other side has had enough, at its pace. */
export async function flood(channel: ServerChannel): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024, "flood of output\n");
  const closed = new AbortController();
  channel.resume();
  channel.on("close", () => closed.abort());
  for (let sent = 0; sent < floodBytes && !closed.signal.aborted; sent += chunk.length) {
    if (!channel.write(chunk)) await once(channel, "drain", { signal: closed.signal });
  }
  channel.exit(0);
  channel.end();
}

/** The keys that `tmpfiles.extra` would have put in place (tmpfiles.d(5), a line `w+~ …/authorized_keys`). */
export function authorizedKeys(credentials: Readonly<Record<string, string>>): string[] {
  const line = (credentials["tmpfiles.extra"] ?? "")
    .split("\n")
    .find((text) => text.startsWith("w+~ ") && text.includes("/authorized_keys "));
  const content = Buffer.from(line?.split(" ").at(-1) ?? "", "base64").toString("utf8");
  return content.split("\n").filter((key) => key !== "");
}
