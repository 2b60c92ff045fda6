/** The decisions of a matrix's variants and bases in words, one a line, for all reports. */
import type { ShownDecision } from "../harness/gate/verdict/decision.ts";
import { oneLine } from "../harness/log/clean-text.ts";

/** `kinoite-43: PROMOTE`, `base …: HOLD: …`; none where the decision is of one image. */
export const partLines = ({ parts = [] }: Pick<ShownDecision, "parts">): string[] =>
  parts.map(({ kind, name, verdict, reason }) => {
    const who = `${kind === "base" ? "base " : ""}${oneLine(name, 200)}`;
    return `${who}: ${verdict}${verdict === "HOLD" ? `: ${oneLine(reason)}` : ""}`;
  });
