/**
 * What a pull that cannot work has to leave behind: an exit code and words, and everything as it was. Which words is
 * skopeo's and the registry's, differs between their releases, and is told in a note and mostly not judged.
 */
import type { CommandLimits, CommandResult } from "../guest/command.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";
import type { DeploymentsExpectation } from "../guest/tools/deployments.ts";
import { storeOf } from "../guest/tools/store.ts";
import { expectEqual, expectThat } from "./expect.ts";
import type { Stage } from "./scenario.ts";

/**
 * Milliseconds with hardware acceleration. containers/image asks five times where it is answered 429, once more where a layer is cut off
 * (`docker_client.go`, `body_reader.go`), and bootc after 1.16 pulls again for up to a minute (bootc-dev/bootc#2443).
 */
const refusalTimeoutMs = 240_000;

export const refusalLimits = ({ timeScale }: Guest): CommandLimits => ({
  timeoutMs: refusalTimeoutMs * timeScale,
});

export interface RefusedPull {
  /** What all deployments are, before and afterwards. */
  readonly unchanged: DeploymentsExpectation;
  readonly note: Stage["note"];
}

/**
 * An upgrade fails with words, before it has got anything, and leaves everything as it was. `why` is the end of a sentence: "although …". `words` is what it has to
 * say; absent: anything. Throws ExpectationFailed.
 */
export async function expectUpgradeFails(
  guest: Guest,
  why: string,
  pull: RefusedPull,
  words?: RegExp,
): Promise<void> {
  const before = await storeOf(guest);
  const result = await guest.bootc.tryUpgrade(refusalLimits(guest));
  expectTold(result, why, pull);
  expectThat(words?.test(result.stderr) ?? true, `bootc does not say that ${why}.`, {
    stderr: excerptEnd(result.stderr, 1000),
  });
  await guest.expectDeployments(pull.unchanged);
  expectEqual("What the store has after a refused pull", await storeOf(guest), before);
}

/** A command has failed by itself and says something. Throws ExpectationFailed. */
export function expectTold(
  { exitCode, stdout, stderr, command }: CommandResult,
  why: string,
  { note }: RefusedPull,
): void {
  const told = excerptEnd(stderr, 1000);
  const details = { command, stdout: excerptEnd(stdout, 1000), stderr: told };
  expectThat(exitCode !== 0, `bootc says that it succeeded although ${why}.`, details);
  expectThat(exitCode !== null, `bootc was ended by a signal where ${why}.`, details);
  expectThat(told !== "", `bootc fails without a word where ${why}.`, details);
  const last = told.split("\n").at(-1) ?? "";
  note(`Where ${why}, bootc ends with ${exitCode}: ${excerptEnd(last, 300)}`);
}
