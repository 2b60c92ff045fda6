// The question for a disk's passphrase, and the passphrase itself.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { newPassphrase, readPassphrase } from "../../harness/cli/wiring/passphrase.ts";
import { PassphraseQuestion } from "../../harness/machine/console/passphrase.ts";

const ask = "Please enter passphrase for disk QEMU_HARDDISK (luks-1):";
const hint = " (press TAB for no echo) ";
const at = (lineNumber: number, text: string) => ({ lineNumber, text });
const known = () => new PassphraseQuestion({ knowsPassphrase: true, patience: 1 });

describe("a question whose answer is known", () => {
  test.each([
    `🔐 ${ask}${hint}`,
    `${ask}`,
    "Please unlock disk luks-1: ",
    "Enter passphrase for hd0,gpt4 (1b2c): ",
    "A password is required to access the luks-1 volume:",
    `The key of the safe:${hint}`,
  ])("%j waits for it", (text) => {
    expect(known().asked(at(1, text), 0)).toBe("waits");
  });

  test.each([
    "Please enter LUKS2 token PIN:",
    `Please enter recovery key for disk X (luks-1):${hint}`,
    "Please insert security token",
    "Press any key to continue...",
  ])("%j is not for it", (text) => {
    expect(known().asked(at(1, text), 0)).toBe("nobody's");
  });

  test("is answered once the console is quiet, since a program asks before it hides what is typed", () => {
    const question = known();
    question.asked(at(7, ask), 1000);
    expect(question.isDue(1100, 1000)).toBe(false);
    question.asked(at(7, `${ask}${hint}`), 1200);
    expect(question.isDue(1500, 1200)).toBe(false);
    expect(question.isDue(2000, 1200)).toBe(true);
    // The stars on its own line, and the line end.
    expect(question.asked(at(7, `${ask}${hint}********`), 2100)).toBe("waits");
    expect(question.isDue(9000, 2100)).toBe(false);
  });

  test("is answered in the end on a console that never is quiet", () => {
    const question = known();
    question.asked(at(7, ask), 1000);
    expect(question.isDue(8900, 8890)).toBe(false);
    expect(question.isDue(9000, 8990)).toBe(true);
  });

  test("is refused where it comes again, and another one is another disk's", () => {
    const question = known();
    question.asked(at(7, ask), 0);
    question.isDue(1000, 0);
    const other = ask.replaceAll("1", "2");
    expect(question.asked(at(8, `🔐 ${other}${hint}`), 1100)).toBe("waits");
    expect(question.isDue(3000, 1100)).toBe(true);
    expect(question.asked(at(9, `🔐 ${ask}${hint}`), 3100)).toBe("refused");
    question.begin();
    expect(question.asked(at(10, ask), 4000)).toBe("waits");
  });

  test("is answered a few times a boot at most", () => {
    const question = known();
    const words = Array.from({ length: 20 }, (_, number) => {
      const word = question.asked(at(number, `Please enter passphrase for disk ${number}:`), 0);
      question.isDue(number * 10_000, 0);
      return word;
    });
    expect(words.filter((word) => word === "waits").length).toBeLessThan(10);
    expect(words.at(-1)).toBe("nobody's");
  });
});

test("a question whose answer nobody knows is nobody's", () => {
  const question = new PassphraseQuestion({ knowsPassphrase: false, patience: 1 });
  expect(question.asked(at(1, ask), 0)).toBe("nobody's");
  expect(question.isDue(60_000, 0)).toBe(false);
});

describe("a passphrase", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bootgate-passphrase-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const read = async (content: string | Uint8Array) => {
    await writeFile(join(folder, "it"), content);
    return readPassphrase(join(folder, "it")).then(
      (secret) => secret.reveal(),
      (error: unknown) => error,
    );
  };

  test("of a file is its text without the line end", async () => {
    expect(await read("correct horse\n")).toBe("correct horse");
    expect(await read(" spaces around \r\n")).toBe(" spaces around ");
    expect(await read("grüne Käfer")).toBe("grüne Käfer");
  });

  test.each([
    ["short", "seven77\n", /fewer than 8 characters/],
    ["empty", "", /fewer than 8/],
    ["two lines", "correct horse\nbattery\n", /second line/],
    ["a tab", "correct\thorse", /control character/],
    ["too large", "x".repeat(600), /larger than/],
    ["binary", Buffer.from([0xff, 0xfe, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86]), /binary/],
  ])("%s is a mistake of the command line", async (_what, content, expected) => {
    const error = await read(content);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toMatch(expected);
  });

  test("that is made differs each time, and can be typed on any keyboard", () => {
    const [one, other] = [newPassphrase().reveal(), newPassphrase().reveal()];
    expect(one).toMatch(/^[0-9a-f]{24}$/);
    expect(one).not.toBe(other);
  });
});
