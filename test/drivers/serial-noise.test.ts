/** The serial transport on lines that are not the guest's alone, and on bad ones: all comes through as it was, or is told to be lost. */
import { describe, expect, test } from "vitest";
import { logIn } from "../../harness/guest/serial/login.ts";
import { garbling, losing, randomOf, talking } from "./support/bad-line.ts";
import { PtyConsole } from "./support/pty-console.ts";
import { connectSerial, noPassword, signal } from "./support/serial.ts";

/** So many more can be asked for by hand. */
const commands = Number(process.env.BOOTGATE_SERIAL_COMMANDS ?? 10);
const minutes = Math.max(1, commands / 100) * 60_000;

/** Output of any bytes as text whose characters are bytes. */
const anyBytes = (random: () => number, most: number): Buffer =>
  Buffer.from(
    Array.from({ length: Math.floor(random() * most) }, () => Math.floor(random() * 256)),
  );

interface Play {
  readonly random: () => number;
  readonly exec: Awaited<ReturnType<typeof connectSerial>>["exec"];
}

/** One command with random output, error output and exit code, of its input or of its own words. */
async function playOne({ random, exec }: Play): Promise<void> {
  const [out, err] = [anyBytes(random, 3000), anyBytes(random, 600)];
  const code = Math.floor(random() * 256);
  const base64 = (bytes: Buffer) => bytes.toString("base64");
  const said = await exec(
    `head -c ${base64(out).length} | base64 -d | base64 -w 0; echo ${base64(err)} | base64 -d | base64 -w 0 >&2; exit ${code}`,
    { input: base64(out) },
  );
  expect(said).toMatchObject({
    stdout: base64(out),
    stderr: base64(err),
    exitCode: code,
    truncated: false,
    lost: null,
  });
}

describe("commands with random output come through exactly, with their exit codes", () => {
  test.each([
    ["while the kernel talks on the line", talking(randomOf(1), 2000), null],
    ["on a line that loses bytes on the way back", losing(randomOf(2), 2500), null],
    ["on a line that loses what is typed", null, losing(randomOf(3), 2500)],
    ["on one that does all of it", talking(randomOf(4), 2000), losing(randomOf(5), 5000)],
  ] as const)(
    "%s",
    async (_, spoil, spoilTyped) => {
      await using at = await connectSerial();
      if (spoil !== null) at.console.spoil = spoil;
      if (spoilTyped !== null) at.console.spoilTyped = spoilTyped;
      const random = randomOf(6);
      for (let left = commands; left > 0; left--) await playOne({ random, exec: at.exec });
    },
    4 * minutes,
  );
});

test("bytes that are not text are the same in a file of the guest, both ways", async () => {
  await using at = await connectSerial();
  at.console.spoil = talking(randomOf(7), 1500);
  const random = randomOf(8);
  const bytes = anyBytes(random, 40_000).toString("base64");
  const sum = await at.exec("base64 -d | tee /dev/stderr 2>/dev/null | cksum", { input: bytes });
  expect(sum.exitCode).toBe(0);
  const back = await at.exec("base64 -d | base64 -w 0", { input: bytes });
  expect(back.stdout).toBe(bytes);
});

describe("a line that cannot be mended", () => {
  test("is lost in mid-command, and says so; no exit code is made up", async () => {
    await using at = await connectSerial({ scale: 0.2 });
    at.console.spoil = garbling(randomOf(9));
    const said = await at.exec("echo x");
    expect(said).toMatchObject({ exitCode: null, stdout: "" });
    expect(said.lost).toMatch(/loses more than can be mended/);
    expect(at.transport.isOpen).toBe(false);
  });

  test("gives no login: wrong speed is nobody's shell", async () => {
    await using console = await new PtyConsole({ spoil: garbling(randomOf(10)) }).spoken();
    const result = await logIn({ console, account: noPassword, scale: 0.2, signal });
    expect(result).toMatchObject({ why: "nothing on the console behaves like a shell" });
  });

  test("is not made good by one that says the same wrong number each time: the whole is counted once more", async () => {
    await using at = await connectSerial({ scale: 0.2 });
    // What `printf 'abcdef\\n' | cksum` says, in the word of the command's end alone.
    const wrong = (text: string) => text.replaceAll("3512391007 7 ", "3512391008 7 ");
    at.console.spoil = (bytes) => Buffer.from(wrong(bytes.toString("latin1")), "latin1");
    const said = await at.exec("echo abcdef");
    expect(said).toMatchObject({ exitCode: null, stdout: "" });
    expect(said.lost).toMatch(/loses or changes more than can be mended/);
  });
});
