/**
 * The registry of drivers: a new kind of machine is a new row. A row says which options it takes and makes the driver; it is
 * loaded only when a machine of its kind is asked for.
 */
import type { ZodType } from "zod";
import { UsageError } from "../../base/errors.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import type { DriverHost } from "../../machine/qemu/module.ts";

interface DriverEntry {
  /** Checks options and makes the driver by them. */
  open(options: unknown, host: DriverHost): Promise<MachineDriver>;
}

/** Binds a schema to the factory that takes what it lets through. */
const entry = <Options>(
  name: string,
  load: () => Promise<{
    readonly schema: ZodType<Options>;
    readonly open: (options: Options, host: DriverHost) => Promise<MachineDriver>;
  }>,
): DriverEntry => ({
  async open(options, host) {
    const { schema, open } = await load();
    const parsed = schema.safeParse(options);
    if (parsed.success) return open(parsed.data, host);
    const wrong = parsed.error.issues.map(({ path, message }) =>
      [path.join("."), message].filter((part) => part !== "").join(": "),
    );
    throw new UsageError(`The machine '${name}' cannot be made like this.`, {
      details: { options: wrong.join("; ") },
    });
  },
});

const registry = {
  qemu: entry("qemu", async () => {
    const { openQemu, qemuOptions } = await import("../../machine/qemu/module.ts");
    return { schema: qemuOptions, open: openQemu };
  }),
  libvirt: entry("libvirt", async () => {
    const { openLibvirt, libvirtOptions } = await import("../../machine/libvirt/module.ts");
    return { schema: libvirtOptions, open: openLibvirt };
  }),
  board: entry("board", async () => {
    const { openBoard, boardOptions } = await import("../../machine/board/module.ts");
    return { schema: boardOptions, open: openBoard };
  }),
} as const satisfies Partial<Record<MachineDriver["kind"], DriverEntry>>;

export type DriverName = keyof typeof registry;

/** A kind of machine as the command line names it: `qemu`, `libvirt`, `libvirt:URI`, `board:NAME`. */
export type MachineWord = DriverName | `libvirt:${string}` | `board:${string}`;

/** What a word of `--machine` says: a kind, and which daemon or board of it. */
export interface ReadMachineWord {
  readonly name: DriverName;
  readonly uri?: string;
  readonly board?: string;
  readonly word: MachineWord;
}

/** Takes a word of `--machine` apart; null where it names no kind. */
export function readMachineWord(text: string): ReadMachineWord | null {
  const [, kind = "", which] = /^([^:]*)(?::(.*))?$/s.exec(text.trim()) ?? [];
  const name = driverNames.find((known) => known === kind);
  if (name === undefined || which === "") return null;
  if (which === undefined) return { name, word: name };
  if (name === "libvirt") return { name, uri: which, word: `libvirt:${which}` };
  return name === "board" ? { name, board: which, word: `board:${which}` } : null;
}

/** Kinds of machine that `--machine` and a policy can name. */
export const driverNames = Object.keys(registry) as readonly DriverName[];

/** Makes a driver by its name. Throws UsageError for options that it does not take and HostUnfit for what the host lacks. */
export const openDriver = (
  name: DriverName,
  options: unknown,
  host: DriverHost,
): Promise<MachineDriver> => registry[name].open(options, host);
