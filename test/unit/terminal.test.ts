/** The live line under the progress. */
import { expect, test } from "vitest";
import { liveLine } from "../../harness/cli/terminal/terminal.ts";

const doing = new Map([
  ["boot/health@qemu", { step: "boots the candidate", sinceMs: 1000 }],
  ["bootc/switch@qemu", { step: "switch \u001b[2Jstages", sinceMs: 0 }],
]);

test("says what each job does and for how long", () => {
  expect(liveLine(doing, 64_400, 200)).toBe(
    "… boot/health: boots the candidate (63.0 s)  |  bootc/switch: switch ?[2Jstages (64.0 s)",
  );
});

test("never wraps", () => {
  expect(liveLine(doing, 64_000, 40)?.length).toBeLessThan(40);
});

test("is not there when nothing runs", () => {
  expect(liveLine(new Map(), 0, 80)).toBeNull();
});
