/** What comes over a serial line: only what shows by itself that it is whole counts, and none of it looks like a guest that has failed. */
import { describe, expect, test } from "vitest";
import { lessons, loaderLine, pieceBytes, requestLine } from "../../harness/guest/serial/agent.ts";
import { cksum } from "../../harness/guest/serial/cksum.ts";
import {
  Collected,
  type Message,
  MessageReader,
  readEnd,
  readMessage,
} from "../../harness/guest/serial/frames.ts";
import { showsPrompt } from "../../harness/guest/serial/login.ts";
import { mayType } from "../../harness/guest/serial/serial-line.ts";
import { bootStages } from "../../harness/machine/console/console.ts";
import { feed, watcherAt } from "../unit/support/console.ts";
import { randomOf, talking } from "./support/bad-line.ts";

const nonce = "bg0123456789";

/** As the guest's end writes them. */
const rowsOf = (bytes: Buffer, stream = 1): string[] =>
  Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) => {
    const piece = bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes);
    return `${nonce} l ${stream} ${at + 1} ${cksum(piece)} ${piece.toString("base64")} ${at + 1}\r\n`;
  });

const messagesOf = (text: string | Buffer, cut = 7): Message[] => {
  const found: Message[] = [];
  const reader = new MessageReader(nonce, (message) => found.push(message));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += cut) reader.feed(bytes.subarray(at, at + cut));
  return found;
};

const randomBytes = (random: () => number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));

describe("messages", () => {
  test("are found in rows that have other words before and after them, cut anywhere", () => {
    const text = `\x1b[0m[ 1.0] foo${nonce} e 1 0 4294967295 0 4294967295 0 = e 1 0 4294967295 0 4294967295 0\r\nhost login: ${nonce} w 2 = w 2\n`;
    for (const cut of [1, 3, 1000])
      expect(messagesOf(text, cut)).toEqual([
        { kind: "answer", words: "e 1 0 4294967295 0 4294967295 0".split(" ") },
        { kind: "answer", words: ["w", "2"] },
      ]);
  });

  test.each([
    ["words that are not the same twice", " a 12 = a 13"],
    ["a number that lost a digit", ` l 1 1 ${cksum(Buffer.from("abc"))} YWJj 12`],
    ["bytes that are not those counted", ` l 1 1 ${cksum(Buffer.from("abc"))} YWJk 1`],
    ["a row that ends in the middle", ` l 1 1 ${cksum(Buffer.from("abc"))} YW`],
    ["a word of the kernel in it", " l 1 1 12[  1.2] usb 34 YWJj 1"],
    ["nothing", ""],
  ])("that are damaged are told as such: %s", (_, text) => {
    expect(readMessage(text)).toEqual({ kind: "damaged" });
  });

  test("two on a row whose newline was lost are read one by one", () => {
    const [first = "", second = ""] = rowsOf(Buffer.alloc(500, "x"));
    const found = messagesOf(`${first.trimEnd()}${second}`);
    expect(found.map(({ kind }) => kind)).toEqual(["piece", "piece"]);
  });

  test("an end is of its own command and has all of its numbers", () => {
    expect(readEnd("e 7 3 1 2 3 4".split(" "), 7)).toEqual({
      exitCode: 3,
      streams: [
        { sum: 1, length: 2 },
        { sum: 3, length: 4 },
      ],
    });
    for (const words of ["e 8 3 1 2 3 4", "e 7 3 1 2 3", "e 7 x 1 2 3 4", "w 7", "e 7 -3 1 2 3 4"])
      expect(readEnd(words.split(" "), 7), words).toBeNull();
  });
});

test("300 outputs of any bytes, with words of the kernel at any byte, are whole in the end or asked for again", () => {
  const random = randomOf(11);
  const talk = talking(random, 2000);
  for (let count = 0; count < 300; count++) {
    const bytes = randomBytes(random, Math.floor(random() * 4000));
    const rows = rowsOf(bytes);
    const collected = new Collected();
    let asked = 0;
    for (;;) {
      const missing = collected.missing(rows.length, 256);
      if (missing === null) break;
      expect(++asked).toBeLessThan(60);
      const said = rows.slice(missing.from - 1, missing.from - 1 + missing.count).join("");
      for (const message of messagesOf(talk(Buffer.from(said)), 97))
        if (message.kind === "piece") collected.take(message.piece, bytes.length);
    }
    const whole = collected.whole(rows.length, { sum: cksum(bytes), length: bytes.length });
    expect(whole?.equals(bytes)).toBe(true);
  }
});

test("pieces beyond what a stream may have are not kept, whatever the guest says", () => {
  const collected = new Collected();
  collected.take({ stream: 1, number: 9_999_999, bytes: Buffer.from("abc") }, 1000);
  collected.take({ stream: 1, number: 1, bytes: Buffer.alloc(48 * 1024) }, 1000);
  expect(collected.count).toBe(0);
});

test("a whole that is not what the guest counted is none", () => {
  const collected = new Collected();
  collected.take({ stream: 1, number: 1, bytes: Buffer.from("abc") }, 3);
  expect(collected.whole(1, { sum: cksum(Buffer.from("abd")), length: 3 })).toBeNull();
  expect(collected.whole(1, { sum: cksum(Buffer.from("abc")), length: 4 })).toBeNull();
});

test("the watcher takes none of it for a guest that has failed, whatever a command says", () => {
  const random = randomOf(12);
  const panics = Buffer.from(
    "[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\nYou are in emergency mode. \nhost login: \nerror: file not found.\n",
  );
  const watcher = watcherAt("userspace");
  feed(watcher, `root@host:~# ${loaderLine(nonce)}\r\n${nonce}-42\r\n`);
  for (const lesson of lessons) feed(watcher, `${requestLine(nonce, lesson)}\r\n`);
  feed(watcher, rowsOf(panics).join(""));
  for (let count = 0; count < 300; count++)
    feed(watcher, rowsOf(randomBytes(random, 1500)).join(""));
  expect(watcher.fatal).toBeNull();
  // The same words as they are would be one.
  feed(watcher, panics.toString());
  expect(watcher.fatal).not.toBeNull();
});

test("every line that is typed fits into a line of a terminal", () => {
  for (const line of [loaderLine(nonce), ...lessons.map((lesson) => requestLine(nonce, lesson))])
    expect(line.length).toBeLessThan(2000);
  expect(loaderLine(nonce).split("'")).toHaveLength(3);
});

test("nothing is typed before user space: a boot loader takes any key for its own", () => {
  expect(bootStages.filter(mayType)).toEqual(["userspace", "ssh"]);
});

test.each([
  [["Debian 14 host ttyS0", "", "host login: "], true],
  [["host login: ", "[   70.1] usb 1-1: new device"], true],
  [["root@host:~# "], true],
  [["[root@host ~]# "], true],
  [["Password: "], true],
  [["[  OK  ] Started Some Service."], false],
  [["Please enter passphrase for disk luks-1: (press TAB for no echo) "], false],
  [[], false],
])("a prompt that can be typed at: %j is %j", (rows, expected) => {
  expect(showsPrompt(rows)).toBe(expected);
});
