// The question for a disk's passphrase, and the passphrase itself.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { BootFailed, CannotTell, MachineFault, UsageError } from "../../harness/base/errors.ts";
import { Secret } from "../../harness/base/secrets.ts";
import { newPassphrase, readPassphrase } from "../../harness/cli/wiring/passphrase.ts";
import { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import { PassphraseQuestion } from "../../harness/machine/console/passphrase.ts";
import { limits } from "./support/console.ts";

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
    // What stands for the typed characters comes on its own line: systemd 262 prints bullets, older ones stars.
    expect(question.asked(at(7, `${ask}${hint}••••••••`), 2100)).toBe("waits");
    expect(question.asked(at(8, `${ask} ********`), 2200)).toBe("refused");
    expect(question.asked(at(8, `${ask} ••••`), 2200)).toBe("refused");
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

describe("a boot that asks", () => {
  const prompt = `\u{1f510} ${ask}${hint}`;
  const started =
    "[    0.000000] Linux version 6.12\r\n[    2.1] systemd[1]: Running in initrd.\r\n";

  /** A guest that says `said`, and what it answers to what is typed. */
  async function live(
    answer: (typed: string, log: ConsoleLog) => void | Promise<void>,
    secret: Secret | undefined,
    body: (log: ConsoleLog, typed: readonly string[]) => Promise<void>,
  ): Promise<void> {
    vi.useFakeTimers();
    const log = new ConsoleLog({
      ...limits,
      path: "console.log",
      name: "vm",
      now: () => Date.now(),
      passphrase: secret,
    });
    try {
      const typed: string[] = [];
      log.attach({
        type: async (text) => {
          typed.push(text);
          await answer(text, log);
        },
      });
      log.poweredOn();
      log.feed(Buffer.from(`${started}${prompt}`));
      await body(log, typed);
    } finally {
      log.poweredOff();
      vi.useRealTimers();
    }
  }
  const ending = (log: ConsoleLog): Promise<unknown> => log.fatal.catch((error: unknown) => error);
  const secret = new Secret("correct horse");

  test("is told once by a splash that writes its question again with a star for each key", async () => {
    // plymouth, src/plugins/splash/details: the row is cleared, the question comes again, then stars.
    const row = (stars: number): string => `\u001b[2K\r${ask}${"*".repeat(stars)}`;
    const stars = Array.from({ length: 13 }, (_, index) => row(index + 1)).join("");
    const login = "\r\n[  OK  ] Reached target Multi-User System.\r\nhost login: ";
    await live(
      async (_typed, log) => log.feed(Buffer.from(row(1))),
      secret,
      async (log, typed) => {
        await vi.advanceTimersByTimeAsync(20_000);
        log.feed(Buffer.from(stars));
        await vi.advanceTimersByTimeAsync(1000);
        log.feed(Buffer.from(login));
        await vi.advanceTimersByTimeAsync(30_000);
        expect(typed).toEqual(["correct horse\r"]);
        expect(log.fatalLine).toBeNull();
      },
    );
  });

  test("is told, goes on, and the deviation says so", async () => {
    const opened = "************\r\n[  OK  ] Finished systemd-cryptsetup@luks.service.\r\n";
    await live(
      (_typed, log) => log.feed(Buffer.from(opened)),
      secret,
      async (log, typed) => {
        expect(log.deviations).toEqual([]);
        await vi.advanceTimersByTimeAsync(100_000);
        expect(typed).toEqual(["correct horse\r"]);
        expect(log.fatalLine).toBeNull();
        expect(log.deviations.map(({ id }) => id)).toEqual(["passphrase-typed"]);
        // The next boot asks again.
        log.rebooting();
        log.feed(Buffer.from(`${started}${prompt}`));
        await vi.advanceTimersByTimeAsync(100_000);
        expect(typed).toHaveLength(2);
      },
    );
  });

  test("and refuses the passphrase is judged at once, in plain words and with the image not to blame", async () => {
    await live(
      (_typed, log) => log.feed(Buffer.from(`******\r\n${prompt}`)),
      secret,
      async (log, typed) => {
        await vi.advanceTimersByTimeAsync(5000);
        expect(typed).toHaveLength(1);
        const error = await ending(log);
        expect(error).toBeInstanceOf(CannotTell);
        expect(String(error)).toMatch(
          /the passphrase that was typed does not open its disk, which asks for it again[\s\S]*--passphrase-file/,
        );
        expect(String(error)).not.toContain("correct horse");
      },
    );
  });

  test("and that nobody can type at is the host's", async () => {
    const answer = (): never => {
      throw new MachineFault("The port is gone.");
    };
    await live(answer, secret, async (log) => {
      await vi.advanceTimersByTimeAsync(5000);
      expect(await ending(log)).toBeInstanceOf(MachineFault);
    });
  });

  test("and whose passphrase nobody knows has not booted", async () => {
    await live(
      () => undefined,
      undefined,
      async (log, typed) => {
        await vi.advanceTimersByTimeAsync(60_000);
        expect(typed).toEqual([]);
        expect(await ending(log)).toBeInstanceOf(BootFailed);
        expect(log.fatalLine).toMatchObject({ pattern: "passphrase-prompt" });
      },
    );
  });
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
