/** A screen that lives, and a console that asks for it. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { BootFailed, CannotTell, MachineFault, outcomeOf } from "../../harness/base/errors.ts";
import type { ConsoleHands, ConsoleLog } from "../../harness/machine/console/console-log.ts";
import { isMoving, type Picture, readPpm } from "../../harness/machine/console/screen-change.ts";
import { consoleHands, screenMoves } from "../../harness/machine/qemu/console-hands.ts";
import { logUnderLoad, until } from "./support/console.ts";

function picture(...boxes: readonly [left: number, top: number, size: number][]): Picture {
  const [width, height] = [640, 400];
  const pixels = new Uint8Array(width * height * 3);
  for (const [left, top, size] of boxes)
    for (let row = top; row < top + size; row++)
      pixels.fill(255, (row * width + left) * 3, (row * width + left + size) * 3);
  return { width, height, pixels };
}
const ppm = ({ width, height, pixels }: Picture): Buffer =>
  Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), pixels]);

describe("a screen", () => {
  const dark = picture();
  const cursor = picture([8, 16, 9]);
  test.each<[string, boolean, readonly Picture[]]>([
    ["nothing changes", false, [dark, dark, dark, dark]],
    ["a cursor blinks", false, [dark, cursor, dark, cursor]],
    ["a counter counts", true, [dark, cursor, picture([8, 16, 5]), picture([8, 16, 3])]],
    ["a window opens", true, [dark, picture([100, 100, 200])]],
    ["text is written in two places", true, [dark, picture([0, 0, 9], [300, 200, 9])]],
    ["the resolution changes", true, [dark, { width: 1, height: 1, pixels: new Uint8Array(3) }]],
    ["there is one look only", false, [dark]],
  ])("on which %s: %s", (_, moves, pictures) => expect(isMoving(pictures)).toBe(moves));

  test("is read from PPM, and from nothing else", () => {
    const read = readPpm(ppm(cursor));
    expect(read).toMatchObject({ width: 640, height: 400 });
    expect(Buffer.compare(read?.pixels ?? Buffer.alloc(0), cursor.pixels)).toBe(0);
    for (const bytes of [Buffer.from("P6\n2 2\n255\nxx"), Buffer.from("\x89PNG"), Buffer.alloc(0)])
      expect(readPpm(bytes)).toBeNull();
  });
});

describe("a look at a machine's screen", () => {
  async function look(pictures: readonly (Picture | Error)[]): Promise<boolean | null> {
    const folder = await mkdtemp(join(tmpdir(), "bootgate-look-"));
    let next = 0;
    const dump = async (path: string): Promise<void> => {
      const shown = pictures[Math.min(next++, pictures.length - 1)];
      if (shown instanceof Error) throw shown;
      if (shown !== undefined) await writeFile(path, ppm(shown));
    };
    try {
      const moves = await screenMoves({ dump, folder, everyMs: 1 });
      expect(await readdir(folder)).toEqual([]);
      return moves;
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  test("sees change, standstill and the lack of a screen", async () => {
    expect(await look([picture(), picture([0, 0, 100])])).toBe(true);
    expect(await look([picture()])).toBe(false);
    expect(await look([new Error("There is no console")])).toBeNull();
    expect(await look([])).toBeNull();
  });
});

test("Enter is one key by the monitor, and is noted once it was pressed", async () => {
  const execute = vi.fn(async () => ({}));
  const onEnter = vi.fn();
  const serial = { type: vi.fn(async () => undefined) };
  const machine = { running: { monitor: { execute } }, workspacePath: "" };
  await consoleHands(machine, { onEnter, serial }).pressEnter?.();
  const keys = [{ type: "qcode", data: "ret" }];
  expect(execute).toHaveBeenCalledExactlyOnceWith("send-key", { keys }, expect.anything());
  expect(onEnter).toHaveBeenCalledOnce();
});

test("what is typed goes to the serial port of the QEMU that runs, and a machine that is off refuses it", async () => {
  const monitor = { execute: vi.fn(async () => ({})) };
  const type = vi.fn(async () => undefined);
  const options = { onEnter: () => undefined, serial: { type } };
  await consoleHands({ running: { monitor }, workspacePath: "" }, options).type?.("e");
  expect(type).toHaveBeenCalledExactlyOnceWith("e", monitor);
  const off = {
    get running(): never {
      throw new MachineFault("Machine 'vm' is switched off.");
    },
    workspacePath: "",
  };
  await expect(consoleHands(off, options).type?.("e")).rejects.toThrow("switched off");
});

describe("a console with eyes and a hand", () => {
  async function live(
    hands: ConsoleHands,
    said: string,
    body: (log: ConsoleLog) => Promise<void>,
    { load = 0 } = {},
  ) {
    vi.useFakeTimers();
    try {
      const log = logUnderLoad(load);
      log.attach(hands);
      log.poweredOn();
      log.feed(Buffer.from(said));
      await body(log);
      log.poweredOff();
    } finally {
      vi.useRealTimers();
    }
  }
  const ending = (log: ConsoleLog): Promise<unknown> =>
    log.fatal.then(
      () => null,
      (error: unknown) => error,
    );

  test("is not silent while the screen changes, and is when it stops", async () => {
    let changes = true;
    await live({ screenChanged: async () => changes }, until.kernel, async (log) => {
      await vi.advanceTimersByTimeAsync(600_000);
      expect(log.fatalLine).toBeNull();
      changes = false;
      await vi.advanceTimersByTimeAsync(130_000);
      const error = await ending(log);
      expect(error).toBeInstanceOf(BootFailed);
      expect(String(error)).toContain("no output for");
    });
  });
  test("is not held against the image where the host was starved meanwhile, and the figures are told", async () => {
    for (const load of [40, 0.5])
      await live(
        { screenChanged: async () => false },
        until.kernel,
        async (log) => {
          await vi.advanceTimersByTimeAsync(130_000);
          const error = await ending(log);
          expect(error).toBeInstanceOf(load > 1 ? CannotTell : BootFailed);
          expect(/host +load \d+\.0 on/.test(String(error))).toBe(load > 1);
        },
        { load },
      );
  });
  test("a look that fails or never ends counts as none", async () => {
    for (const screenChanged of [
      () => Promise.reject(new Error("gone")),
      () => new Promise<boolean>(() => undefined),
    ])
      await live({ screenChanged }, until.kernel, async (log) => {
        await vi.advanceTimersByTimeAsync(160_000);
        expect(log.fatalLine).toMatchObject({ pattern: "no-output" });
      });
  });
  test("a boot that says nothing after its boot loader is nobody's fault, and the message says how to give access", async () => {
    await live({ screenChanged: async () => false }, until.bootloader, async (log) => {
      await vi.advanceTimersByTimeAsync(130_000);
      const error = await ending(log);
      expect(error).toBeInstanceOf(CannotTell);
      expect(outcomeOf(error).kind).toBe("broken");
      expect(String(error)).toMatch(
        /may have booted, but it says nothing on the serial port and nothing can be asked of it/,
      );
      expect(String(error)).toMatch(/console=ttyS0/);
    });
  });
  test("a doubtful line of a boot loader is forgotten when the screen shows that it went on", async () => {
    const said = `${until.bootloader}error: no such device: 1111-2222.\r\n`;
    await live({ screenChanged: async () => true }, said, async (log) => {
      await vi.advanceTimersByTimeAsync(500_000);
      expect(log.fatalLine).toBeNull();
    });
  });
  test("a prompt is not hidden by a screen that draws it", async () => {
    const said = `${until.kernel}Please enter passphrase for disk X (luks-1): `;
    await live({ screenChanged: async () => true }, said, async (log) => {
      await vi.advanceTimersByTimeAsync(60_000);
      expect(log.fatalLine).toMatchObject({ pattern: "passphrase-prompt", blame: "image" });
    });
  });
  test("a firmware that redraws its screen without end does not keep a failure from being told", async () => {
    const said = `${until.bootloader}BdsDxe: failed to start Boot0001 "Fedora": Not Found\r\n`;
    await live({ screenChanged: async () => true }, said, async (log) => {
      await vi.advanceTimersByTimeAsync(100_000);
      expect(log.fatalLine).toMatchObject({ pattern: "firmware-load-failed", sinceMs: 0 });
    });
  });
  test("cannot be typed at without one, and is left alone with a menu that somebody types at", async () => {
    const counting = `${until.bootloader}   The highlighted entry will be executed automatically in 1s.`;
    const typed: string[] = [];
    const pressEnter = vi.fn(async () => undefined);
    const type = async (text: string) => void typed.push(text);
    await live({ pressEnter, type }, counting, async (log) => {
      await log.type("e");
      await vi.advanceTimersByTimeAsync(30_000);
      expect(typed).toEqual(["e"]);
      expect(pressEnter).not.toHaveBeenCalled();
    });
    await live({ pressEnter }, counting, async (log) => {
      await expect(log.type("e")).rejects.toBeInstanceOf(MachineFault);
    });
  });
  test("leaves a menu to who asks for it", async () => {
    const counting = `${until.bootloader}   The highlighted entry will be executed automatically in 1s.`;
    const pressEnter = vi.fn(async () => undefined);
    await live({ pressEnter }, until.bootloader, async (log) => {
      log.leaveMenu();
      log.feed(Buffer.from(counting));
      await vi.advanceTimersByTimeAsync(30_000);
      expect(pressEnter).not.toHaveBeenCalled();
    });
  });
  test("presses Enter once at a menu whose countdown stands still", async () => {
    const pressEnter = vi.fn(async () => undefined);
    const said = `${until.bootloader}   The highlighted entry will be executed automatically in 1s.`;
    await live({ pressEnter }, said, async () => {
      await vi.advanceTimersByTimeAsync(4000);
      expect(pressEnter).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(pressEnter).toHaveBeenCalledOnce();
    });
  });
});
