/**
 * The policy (`gate.yaml`): what must be proved before an image is promoted. Scenarios are named one by one and never
 * by pattern, because a pattern cannot miss a scenario that somebody deleted.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { usualDeviations } from "../../base/deviations.ts";
import { lastDay } from "./dates.ts";

const name = z.string().trim().min(1, "expected text that is not empty").max(300);
/** A list that may be left out, which is not the same as one that names nothing. */
const listOf = <Item extends z.ZodType>(item: Item, word: string) =>
  z.array(item).min(1, `expected at least one; to mean any ${word} leave the key out`);
/** Also said of `.inf`, which is a number to YAML. */
const amount = (what: string) => z.number(`expected ${what}`).positive(`expected ${what}`);
const architecture = z.enum(["x86_64", "aarch64"]);
const firmware = z.enum(["uefi", "bios", "uefi-secure-boot"]);

/** Kinds of machine that a policy can name: those that a run can have. */
export const machineKinds = ["qemu", "libvirt", "board"] as const;
const machine = z.enum(machineKinds);

const requirement = z.strictObject({
  scenarios: z
    .array(name, "expected a list of scenarios, as `bootgate list` prints them")
    .min(1, "expected at least one scenario")
    .describe("Scenario ids, as `bootgate list` prints them"),
  images: listOf(name, "image")
    .optional()
    .describe("Names of candidates, `*` for anything; none: whichever is the candidate"),
  architectures: listOf(architecture, "architecture")
    .optional()
    .describe("None: those that were run"),
  firmware: listOf(firmware, "firmware").optional().describe("None: those that were run"),
  machines: listOf(machine, "kind of machine").optional().describe("None: those that were run"),
});

const waiver = z.strictObject({
  scenario: name,
  step: name.optional().describe("Only when this step is the one that failed"),
  images: listOf(name, "image").optional(),
  architectures: listOf(architecture, "architecture").optional(),
  firmware: listOf(firmware, "firmware").optional(),
  machines: listOf(machine, "kind of machine").optional(),
  by: name.describe("Who answers for it"),
  until: lastDay("a waiver").describe("Last day on which it counts"),
  reason: name,
});

const ratio = amount("a ratio above 0, such as 1.3")
  .optional()
  .describe("At most this many times the last promoted run's median, for example 1.3");
const atLeastOne = "expected a limit, a ratio or both";
const timeBudget = z
  .strictObject({ seconds: amount("a number of seconds above 0").optional(), ratio })
  .refine((budget) => budget.seconds !== undefined || budget.ratio !== undefined, atLeastOne);
const sizeBudget = z
  .strictObject({
    bytes: amount("a whole number of bytes above 0")
      .int("expected a whole number of bytes above 0")
      .optional(),
    ratio,
  })
  .refine((budget) => budget.bytes !== undefined || budget.ratio !== undefined, atLeastOne);

const budgets = z.strictObject({
  boot: timeBudget.optional().describe("Cold boots, power-on to login"),
  install: timeBudget.optional(),
  upgrade: timeBudget.optional(),
  reboot: timeBudget.optional(),
  pulled: sizeBudget.optional().describe("Bytes that a guest pulled from the registry"),
});

export const policySchema = z.strictObject({
  version: z.literal(1),
  name: name.default("gate"),
  require: z
    .array(requirement, "expected a list of what has to be proved")
    .min(1, "expected at least one requirement: a gate that requires nothing proves nothing"),
  minimumPassed: z
    .number("expected a whole number")
    .int("expected a whole number")
    .min(1, "expected 1 or more: a gate that needs no pass proves nothing")
    .default(1)
    .describe(
      "Jobs of required scenarios that really passed at first; excuses and flakes are not counted",
    ),
  flaky: z
    .enum(["promote", "hold"])
    .default("hold")
    .describe("A required job that passed only when it was tried again"),
  knownFailures: z
    .enum(["excuse", "hold"])
    .default("excuse")
    .describe("Whether a failure that is listed as known lets the image pass"),
  digests: z
    .enum(["proved", "claimed"])
    .optional()
    .describe(
      "proved: hold where only a disk was given, so that what the guest reports as its digest is its own word; none: claimed, which lets it pass",
    ),
  deviations: z
    .strictObject({ allow: z.array(name) })
    .default({ allow: [...usualDeviations] })
    .describe("Ids of what may differ from a user's boot, `*` for anything: stand-in:*"),
  waivers: z.array(waiver).default([]),
  budgets: budgets.default({}),
});

export type Policy = z.output<typeof policySchema>;
export type Requirement = Policy["require"][number];
export type Waiver = Policy["waivers"][number];
export type BudgetName = keyof Policy["budgets"];

/** The measure in the run's events that each budget is about. */
export const budgetMeasures: Readonly<Record<BudgetName, string>> = {
  boot: "boot.seconds",
  install: "install.seconds",
  upgrade: "upgrade.seconds",
  reboot: "reboot.seconds",
  pulled: "pulled.bytes",
};

/** The policy when none is given: every scenario named, on whatever it was planned, flakes hold. */
export const defaultPolicy = (scenarios: readonly string[]): Policy =>
  policySchema.parse({ version: 1, name: "built-in", require: [{ scenarios: [...scenarios] }] });

/** One point of the matrix. Null means: whatever was run. */
export interface Cell {
  readonly scenario: string;
  readonly image: string | null;
  readonly architecture: string | null;
  readonly firmware: string | null;
  readonly machine: string | null;
}

/** Every point of the matrices, each once, in the policy's order. */
export function cellsOf(policy: Policy): Cell[] {
  const cells = policy.require.flatMap((rule) =>
    rule.scenarios.flatMap((scenario) =>
      (rule.images ?? [null]).flatMap((image) =>
        (rule.architectures ?? [null]).flatMap((architecture) =>
          (rule.firmware ?? [null]).flatMap((firmware) =>
            (rule.machines ?? [null]).map((machine) => ({
              scenario,
              image,
              architecture,
              firmware,
              machine,
            })),
          ),
        ),
      ),
    ),
  );
  return [...new Map(cells.map((cell) => [JSON.stringify(cell), cell])).values()];
}

/** `boot/health on x86_64, bios`. */
export function cellWords({ scenario, image, architecture, firmware, machine }: Cell): string {
  const where = [image, machine, architecture, firmware].filter((part) => part !== null);
  return where.length === 0 ? scenario : `${scenario} on ${where.join(", ")}`;
}

/** Identity of a policy: what merged shards must share and a decision names. */
export const policyDigest = (policy: Policy): string =>
  `sha256:${createHash("sha256").update(JSON.stringify(policy)).digest("hex")}`;

/** JSON schema for editors; kept in docs/schema/policy.schema.json. */
export function policyJsonSchema(): string {
  const schema = z.toJSONSchema(policySchema, { io: "input", unrepresentable: "any" });
  return `${JSON.stringify({ title: "bootgate gate policy", ...schema }, null, 2)}\n`;
}
