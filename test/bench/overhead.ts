/**
 * What the harness adds to a boot: the same disk, devices and files, once driven by the harness and once by a bare QEMU
 * without monitor. One tiny observer of the console file ends both, so it cannot favour either.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { startProcess } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { findEmulator } from "../../harness/machine/qemu/emulator.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import { qemuArgv } from "../../harness/machine/qemu/qemu-argv.ts";
import { QemuMachine } from "../../harness/machine/qemu/qemu-machine.ts";
import type { Bench } from "./bench-context.ts";
import { type Figure, figure, median } from "./figure.ts";
import { type Lab, openLab } from "./lab.ts";

/** What the console says when the boot is over: getty's prompt (agetty(8)). */
const endMarker = " login: ";

/** Waits until the console file has the end marker. Looks every 50 ms, which is its resolution. */
async function seeLogin(
  directory: string,
  signal: AbortSignal,
  giveUpWhen: Promise<never>,
): Promise<void> {
  const path = join(directory, "console.log");
  await waitFor({
    what: "the login prompt on the console",
    probe: async () => (await readFile(path)).includes(endMarker) || undefined,
    timeoutMs: 600_000,
    intervalMs: 50,
    hint: path,
    signal,
    giveUpWhen,
  });
}

interface HarnessBoot {
  readonly seconds: number;
  /** Processor time of this process meanwhile. */
  readonly cpuSeconds: number;
}

/** From asking for the machine to the end marker, with the console watched and SSH waited for as in a run. */
async function harnessBoot(lab: Lab, name: string, signal: AbortSignal): Promise<HarnessBoot> {
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  const { machine, directory } = await lab.start("cold", name);
  await using _owned = machine;
  const enough = new AbortController();
  const connecting = lab.connect(machine, "ssh", AbortSignal.any([signal, enough.signal]));
  const connected = connecting.then((guest) => guest[Symbol.asyncDispose]()).catch(() => undefined);
  await seeLogin(directory, signal, machine.died);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  enough.abort(new Error("The boot has been measured."));
  await connected;
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** The harness's own arguments without the monitor and without waiting for its word. */
function bareArgv(argv: readonly string[]): string[] {
  const monitor = argv.findIndex((argument) => argument.startsWith("socket,id=monitor,"));
  const mode = argv.indexOf("-mon");
  if (monitor < 1 || mode < 0 || !argv.includes("-S"))
    throw new HostUnfit("The arguments of QEMU have another shape than this benchmark knows.");
  const dropped = new Set([monitor - 1, monitor, mode, mode + 1, argv.indexOf("-S")]);
  return argv.filter((_, index) => !dropped.has(index));
}

/** From starting QEMU to the end marker. Overlay, variable store and credentials are fresh, and made before. */
async function bareBoot(
  lab: Lab,
  name: string,
  binary: string,
  signal: AbortSignal,
): Promise<number> {
  const directory = await lab.folder(name);
  const machine = await lab.session.drivers[0].create(lab.spec(name), { directory, signal });
  await using _files = machine;
  if (!(machine instanceof QemuMachine)) throw new HostUnfit("This machine is not QEMU's.");
  const argv = bareArgv(qemuArgv(machine.layout));
  const began = performance.now();
  await using qemu = startProcess(binary, argv);
  const died = qemu.exited.then(({ stderrTail }): never => {
    throw new HostUnfit("The bare QEMU ended.", { details: { said: stderrTail.slice(-1000) } });
  });
  died.catch(() => undefined);
  await seeLogin(directory, signal, died);
  return (performance.now() - began) / 1000;
}

export const overhead: Bench = {
  name: "overhead",
  summary: "a boot by the harness against a bare QEMU's",
  boots: true,
  async measure(context): Promise<Figure[]> {
    const { pairs, signal, say } = context;
    const facts = architectureFacts.x86_64;
    if (facts === undefined) throw new HostUnfit("QEMU has no machine for x86_64 here.");
    const { binary } = await findEmulator(facts, { signal });
    await using lab = await openLab(context);
    const harness: HarnessBoot[] = [];
    const bare: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const takeBare = async (): Promise<void> =>
        void bare.push(await bareBoot(lab, `bare-${pair}`, binary, signal));
      if (pair % 2 === 1) await takeBare();
      harness.push(await harnessBoot(lab, `harness-${pair}`, signal));
      if (pair % 2 === 0) await takeBare();
      say(
        `  pair ${pair + 1}: harness ${harness.at(-1)?.seconds.toFixed(1)} s, bare ${bare.at(-1)?.toFixed(1)} s`,
      );
    }
    return overheadFigures(harness, bare);
  },
};

function overheadFigures(harness: readonly HarnessBoot[], bare: readonly number[]): Figure[] {
  const walls = harness.map(({ seconds }) => seconds);
  return [
    figure({
      name: "overhead.wall",
      says: "harness over a bare QEMU boot, wall time",
      unit: "%",
      samples: walls.map((seconds, index) => (seconds / (bare[index] ?? Number.NaN) - 1) * 100),
      value: (median(walls) / median(bare) - 1) * 100,
      goal: { atMost: 3 },
    }),
    figure({ name: "overhead.harness", says: "  by the harness", unit: "s", samples: walls }),
    figure({ name: "overhead.bare", says: "  by a bare QEMU", unit: "s", samples: bare }),
    figure({
      name: "overhead.cpu",
      says: "  processor time of the harness",
      unit: "s",
      samples: harness.map(({ cpuSeconds }) => cpuSeconds),
    }),
  ];
}
