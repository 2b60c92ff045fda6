/** Reads what vitest's JSON reporter wrote of a tier: how many tests ended how, and what failed with the beginning of its reason. */
import { stripVTControlCharacters } from "node:util";

interface TierReport {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
  readonly numPendingTests?: number;
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

export interface TierSummary {
  readonly count: { passed: number; failed: number; skipped: number };
  readonly failures: readonly string[];
}

const mostLines = 12;

/** @param text The reporter's file, or `{}` where there is none. */
export function summarizeTier(text: string): TierSummary {
  const report = JSON.parse(text) as TierReport;
  const count = {
    passed: report.numPassedTests ?? 0,
    failed: report.numFailedTests ?? 0,
    skipped: report.numPendingTests ?? 0,
  };
  const failures: string[] = [];
  for (const file of report.testResults ?? []) {
    const place = file.name.replace(/^.*\/test\//, "test/");
    const failed = file.assertionResults.filter((test) => test.status === "failed");
    for (const test of failed)
      failures.push(
        `${place}: ${test.fullName}\n${beginning((test.failureMessages ?? []).join("\n"))}`,
      );
    if (file.status === "failed" && failed.length === 0)
      failures.push(`${place}\n${beginning(file.message ?? "")}`);
  }
  return { count, failures };
}

function beginning(reason: string): string {
  const lines = stripVTControlCharacters(reason).split("\n").slice(0, mostLines);
  return lines.map((line) => `        ${line.slice(0, 300)}`).join("\n");
}
