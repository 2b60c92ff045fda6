/** A boot that moves has more time than the plain limit, over each way in; and what it waits for when that is over as well. */
import { expect, test, vi } from "vitest";
import { BootFailed, CannotTell } from "../../harness/base/errors.ts";
import type { RootChannel } from "../../harness/guest/channel/root-channel.ts";
import { reach } from "../../harness/guest/reach.ts";
import type { ReachOptions } from "../../harness/guest/reach-options.ts";
import { reconnectAfterReboot } from "../../harness/guest/reboot.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { failureOf } from "../contract/support/failure.ts";

// A busy host has a judgement of its own (host-health.test.ts); here it is calm whatever runs beside the tests.
vi.mock(import("../../harness/base/host-health.ts"), async (original) => ({
  ...(await original()),
  hostSince: () => ({ isWell: true, figures: "calm" }),
}));

const relabels = "[ ***  ] Job selinux-autorelabel.service/start running (1min 58s / no limit)";

/** A channel that nobody ever answers on. */
const deaf = {
  isOpen: false,
  changes: (signal: AbortSignal) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
} as unknown as RootChannel;

/** A guest in user space whose console ends with this line, and that has 120 ms. */
function lateGuest(line: string, over: ReachOptions["over"]): ReachOptions {
  const console = {
    ...{ stage: "userspace", path: "console.log", bytes: 1, systemd: 257, takesKeys: false },
    said: () => [line],
    tail: () => [line],
    onStage: () => () => undefined,
  };
  // Port 1 of the host, where nobody listens.
  const sshAddress = async () => ({ host: "127.0.0.1", port: 1 });
  const machine = { console, accelerator: "kvm", start: "cold", sshAddress } as unknown as Machine;
  const never = new AbortController().signal;
  return {
    ...{ machine, name: "candidate", over, timeoutMs: 120, timeScale: 0.002, signal: never },
    channel: over === "channel" ? deaf : null,
    key: { publicKey: "", privateKey: "" } as ReachOptions["key"],
    trouble: { promise: new Promise<never>(() => undefined), signal: never },
  };
}

test.each(["ssh", "channel", "serial"] as const)(
  "labels that are written have more time over %s",
  async (over) => {
    const failure = await failureOf(reach(lateGuest(relabels, over)));
    expect(failure.text).toMatch(/within (?!120 ms)/);
  },
);

test.each([
  [relabels, CannotTell, /still writing the labels of SELinux/],
  [
    "[***   ] Job chrony-wait.service/start running (1min 50s / 3min)",
    CannotTell,
    /still waits for 'chrony-wait\.service' .*, which may lie outside/,
  ],
  [
    "[***   ] Job NetworkManager.service/stop running (4min / 5min)",
    BootFailed,
    /still waits for the stop of 'NetworkManager\.service' \([^)]*\)\./,
  ],
  [
    "[***   ] Job mine.service/start running (1min 50s / 3min)",
    BootFailed,
    /still waits for 'mine\.service'/,
  ],
])(
  "a guest that does not come back is judged by what it waits for: %s",
  async (line, kind, words) => {
    const again = reconnectAfterReboot({ ...lateGuest(line, "channel"), before: "a boot" });
    const error: unknown = await again.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(kind);
    // It has the time of its way down first: 180 s, scaled.
    expect((error as Error).message).toMatch(/did not come back within (?!120 ms)/);
    expect((error as Error).message).toMatch(words);
  },
);
