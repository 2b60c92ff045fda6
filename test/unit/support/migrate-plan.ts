/** Plans of made-up hosts, as the command makes them. */
import { UsageError } from "../../../harness/base/errors.ts";
import { parseStatus } from "../../../harness/cli/commands/migrate-plan-command.ts";
import type { RpmOstreeStatus } from "../../../harness/guest/tools/rpm-ostree.ts";
import {
  type MigratePlan,
  planMigration,
  type Slot,
} from "../../../harness/migrate/migrate-plan.ts";
import { deploymentOf, statusOf } from "../../golden/rpm-ostree-status.ts";

export const readStatus = (status: unknown): RpmOstreeStatus =>
  parseStatus(JSON.stringify(status), "status.json");

export const planOf = (status: unknown, slot: Slot = "booted"): MigratePlan =>
  planMigration({ status: readStatus(status), slot, kernelArguments: null });

/** For a host with one deployment, of which some keys are told. */
export const planFor = (more: Readonly<Record<string, unknown>>): MigratePlan =>
  planOf(statusOf(deploymentOf(more)));

/** The UsageError of an action that has to throw one. */
export function errorOf(action: () => unknown): UsageError {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}
