/** How long a boot may take: from the boot that goes on, and longer where it shows that it moves. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BootTime, type BootTimeOptions } from "../../harness/guest/boot-time.ts";
import type { BootStage, Console, StageMark } from "../../harness/machine/console/console.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const seconds = (count: number): void => {
  vi.advanceTimersByTime(count * 1000);
};

/** A boot with 120 seconds; `rest` asks for more until none is given. */
function bootOf(options: Partial<BootTimeOptions> = {}) {
  let tell: (mark: StageMark) => void = () => undefined;
  const state = { stage: "off" as BootStage, rows: [] as string[], heardAt: null as number | null };
  const console = {
    get stage() {
      return state.stage;
    },
    get heardAt() {
      return state.heardAt;
    },
    said: () => state.rows,
    onStage: (listener: (mark: StageMark) => void) => {
      tell = listener;
      return () => undefined;
    },
  } as unknown as Console;
  const time = new BootTime({
    machine: { console },
    timeoutMs: 120_000,
    timeScale: 1,
    ...options,
  });
  return {
    state,
    time,
    reaches(stage: BootStage): void {
      state.stage = stage;
      tell({ stage, sinceMs: 0 });
    },
    /** Seconds in all. `gone`: those that have passed already. */
    end(meanwhile: () => void = () => undefined, gone = 0): number {
      seconds(120 - gone);
      for (let ms = time.more(); ms > 0; ms = time.more()) {
        vi.advanceTimersByTime(ms);
        meanwhile();
      }
      return Math.round(time.plannedMs / 1000);
    },
  };
}

test("a boot that stands still has its time and no more", () => {
  const boot = bootOf();
  boot.reaches("firmware");
  boot.reaches("kernel");
  expect(boot.end()).toBe(120);
});

test("a boot that began again by itself has the whole time from there", () => {
  const boot = bootOf();
  boot.reaches("firmware");
  boot.reaches("kernel");
  seconds(60);
  boot.reaches("firmware");
  boot.reaches("kernel");
  expect(boot.end(undefined, 60)).toBe(180);
});

test("SELinux labels that are still written get their time, and an end", () => {
  const boot = bootOf();
  boot.reaches("userspace");
  boot.state.rows = [
    "[***   ] A start job is running for Relabel all filesystems (1min 58s / no limit)",
  ];
  expect(boot.end()).toBe(240);
  boot.state.rows = ["[***   ] A start job is running for Something of its own (1min / no limit)"];
  expect(boot.time.more()).toBe(0);
});

test("a way down that shows what is still stopped may take as long as a unit may", () => {
  const boot = bootOf({ wayDownMs: () => 180_000 });
  boot.state.rows = ["[***   ] Job ostree-finalize-staged.service/stop running (1min 50s / 5min)"];
  expect(boot.end()).toBe(330);
});

test("a way down that shows nothing has its own time, and the boot behind it all of its", () => {
  expect(bootOf({ wayDownMs: () => 180_000 }).end()).toBe(180);
  const boot = bootOf({ wayDownMs: () => 180_000 });
  let isSeen = false;
  const end = boot.end(() => {
    if (!isSeen) boot.reaches("firmware");
    isSeen = true;
  });
  expect(end).toBe(300);
});

test("a kernel or an initramfs that still speaks has a quarter more", () => {
  const boot = bootOf();
  boot.reaches("initrd");
  const speak = (): void => {
    boot.state.heardAt = performance.now();
  };
  seconds(119);
  speak();
  expect(boot.end(speak, 119)).toBe(150);
});

test("a guest that answered a moment ago has its time and no more, whatever it shows", () => {
  const boot = bootOf({ isFixed: true });
  boot.reaches("userspace");
  boot.state.rows = ["[***   ] Job a.service/stop running (1min 50s / 5min)"];
  expect(boot.end()).toBe(120);
});
