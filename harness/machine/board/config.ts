/** `boards.yaml`: the boards of a desk or a lab, and by what each is switched, listened to, written and reached. */
import { join } from "node:path";
import { z } from "zod";
import { UsageError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import { homeFolder } from "../../base/user.ts";
import { loadYaml } from "../../config/load-yaml.ts";
import { didYouMean } from "../../config/nearest.ts";
import { consoleSchema } from "./config-console.ts";
import { powerSchema } from "./config-power.ts";
import { storageSchema } from "./config-storage.ts";
import { hostName, tcpPort } from "./config-words.ts";

/** What a board is called: in commands, in names of locks, and by a person who is asked to touch it. */
const boardName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "expected small letters, digits and '-', at most 40");

/** Models whose words before Linux the console's patterns know; `other` is any board that boots by U-Boot or UEFI. */
export const boardModels = ["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "other"] as const;

const networkSchema = z.discriminatedUnion("by", [
  z
    .strictObject({ by: z.literal("none") })
    .describe("The board is spoken to over its serial console alone"),
  z
    .strictObject({ by: z.literal("fixed"), address: hostName, sshPort: tcpPort.default(22) })
    .describe("The board always has this address"),
  z
    .strictObject({
      by: z.literal("mdns"),
      name: hostName.describe("As it announces itself, with .local"),
      sshPort: tcpPort.default(22),
    })
    .describe("The board is looked up by multicast DNS"),
  z
    .strictObject({ by: z.literal("console"), sshPort: tcpPort.default(22) })
    .describe("The address is read from the board over its console"),
]);

const healthSchema = z.strictObject({
  image: z
    .string()
    .min(1)
    .describe("A known-good image, booted before a candidate is blamed; as --candidate takes it"),
  failures: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe("Failed health checks in a row after which the board is set aside"),
});

const limitsSchema = z.strictObject({
  switchSeconds: z
    .number()
    .positive()
    .max(600)
    .default(20)
    .describe("For one act of the power switch, its state read back included"),
  offSeconds: z
    .number()
    .min(0)
    .max(120)
    .default(3)
    .describe("How long power stays off in a power cycle: capacitors keep a board alive"),
  personMinutes: z
    .number()
    .positive()
    .max(24 * 60)
    .default(10)
    .describe("For one act that a person is asked for"),
  slowness: z
    .number()
    .min(1)
    .max(50)
    .default(1)
    .describe(
      "By how much longer than on a fast board all may take; more for a slow card or an emulated board",
    ),
  writeMinutes: z.number().positive().max(600).default(60).describe("For writing the card"),
});

const labgridSchema = z
  .strictObject({
    place: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$/, "expected the name of a place"),
    coordinator: z
      .string()
      .regex(/^[A-Za-z0-9.:_-]{1,253}:\d{1,5}$/, "expected HOST:PORT")
      .optional()
      .describe("Left out: what LG_COORDINATOR says, else this host"),
  })
  .describe("A place of a labgrid coordinator, which is reserved and acquired with the board");

const boardParts = z.strictObject({
  model: z.enum(boardModels).default("other"),
  architecture: z.enum(["x86_64", "aarch64"]).default("aarch64"),
  place: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe("Where a person finds it: 'desk by the window'"),
  labgrid: labgridSchema.optional(),
  power: powerSchema,
  console: consoleSchema,
  storage: storageSchema,
  network: networkSchema.default({ by: "none" }),
  health: healthSchema.optional(),
  limits: limitsSchema.prefault({}),
});

const boardSchema = boardParts.superRefine(({ labgrid, ...board }, context) => {
  if (labgrid !== undefined) return;
  for (const part of ["power", "console", "storage"] as const)
    if (board[part].by === "labgrid")
      context.addIssue({
        code: "custom",
        path: [part, "by"],
        message: "the board does not name its place: add 'labgrid: { place: NAME }'",
      });
});

export type BoardConfig = z.output<typeof boardSchema>;

export const boardsSchema = z.strictObject({
  version: z.literal(1),
  boards: z
    .record(boardName, boardSchema)
    .refine((boards) => Object.keys(boards).length > 0, "expected at least one board")
    .superRefine(refuseShared),
});

/** A board of the file, with its name. */
export interface Board extends BoardConfig {
  readonly name: string;
}

/** All boards, and the file that they stand in: paths in it start from its folder. */
export interface Boards {
  readonly path: string;
  readonly boards: readonly Board[];
}

/** Where the file is looked for when `--boards` does not name it, first to last (XDG base directory specification). */
export function boardsPlaces(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly string[] {
  const home = homeFolder();
  const named = environment.XDG_CONFIG_HOME ?? "";
  const base = named !== "" ? named : home === null ? null : join(home, ".config");
  return ["boards.yaml", ...(base === null ? [] : [join(base, "bootgate", "boards.yaml")])];
}

/**
 * Reads the boards. Throws UsageError where the file that was named, or each of the usual places, does not exist, and
 * for all that is wrong in it, each as `file:line:column`.
 */
export async function loadBoards(named?: string): Promise<Boards> {
  const places = named === undefined ? boardsPlaces() : [named];
  for (const path of places) {
    if (named === undefined && !(await exists(path))) continue;
    const { boards } = await loadYaml(path, boardsSchema);
    return {
      path,
      boards: Object.entries(boards).map(([name, board]) => ({ name, ...board })),
    };
  }
  throw new UsageError("No boards are described: there is not a boards.yaml.", {
    details: { "looked in": places.join(", "), "to do": "write one, or name it with --boards" },
    lookAt: "docs/boards.md",
  });
}

/** The board of that name. Throws UsageError with the near names. */
export function boardNamed({ path, boards }: Boards, name: string): Board {
  const found = boards.find((board) => board.name === name);
  if (found !== undefined) return found;
  const known = boards.map((board) => board.name);
  throw new UsageError(
    `'${path}' does not have a board '${name.slice(0, 100)}'${didYouMean(name, known)}`,
    { details: { boards: known.join(", ") } },
  );
}

/** What tells an outlet from another; null for a person, who has hands for several boards. */
function outletOf(power: BoardConfig["power"]): string | null {
  if (power.by === "person" || power.by === "labgrid") return null;
  // A plug of one relay calls it its first.
  const full = power.by === "tasmota" ? { ...power, relay: power.relay ?? 1 } : power;
  return JSON.stringify({ ...full, user: undefined, passwordFile: undefined });
}

/** What a board has for itself: two boards on one serial line, one card or one outlet would be judged by each other's words. */
function thingsOf({
  labgrid,
  power,
  console,
  storage,
}: BoardConfig): readonly (readonly [string, string[]])[] {
  const serial =
    console.by === "serial"
      ? [[console.device, ["console", "device"]] as const]
      : console.by === "command" || console.by === "labgrid"
        ? []
        : [[`${console.host}:${console.port}`, ["console", "port"]] as const];
  const card = "device" in storage ? [[storage.device, ["storage", "device"]] as const] : [];
  const place =
    labgrid === undefined
      ? []
      : [[`${labgrid.coordinator ?? ""} ${labgrid.place}`, ["labgrid", "place"]] as const];
  const plug = outletOf(power);
  const outlet = plug === null ? [] : [[plug, ["power"]] as const];
  return [...place, ...outlet, ...serial, ...card].map(([thing, path]) => [thing, [...path]]);
}

function refuseShared(
  boards: Readonly<Record<string, BoardConfig>>,
  context: z.RefinementCtx,
): void {
  const seen = new Map<string, string>();
  for (const [name, board] of Object.entries(boards)) {
    for (const [thing, path] of thingsOf(board)) {
      const other = seen.get(thing);
      if (other !== undefined)
        context.addIssue({
          code: "custom",
          path: [name, ...path],
          message: `the board '${other}' has it already; each needs its own`,
        });
      seen.set(thing, name);
    }
  }
}

/** JSON schema for editors; written to docs/schema/boards.schema.json. */
export function boardsJsonSchema(): string {
  const schema = z.toJSONSchema(boardsSchema, { io: "input", unrepresentable: "any" });
  return `${JSON.stringify({ title: "bootgate boards", ...schema }, null, 2)}\n`;
}
