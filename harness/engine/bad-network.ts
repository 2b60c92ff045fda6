/** What a pull over a bad network has to leave behind, and what it says meanwhile. */
import type { CommandResult } from "../guest/command.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";
import { expectOnlyDeployed } from "./composefs-kept.ts";
import { expectThat } from "./expect.ts";
import { expectNoneOf } from "./layers-kept.ts";
import { expectTold, type RefusedPull, refusalLimits } from "./refused-pull.ts";
import type { FaultyShelf, NetworkFault } from "./scenario.ts";

export interface BadPull extends RefusedPull {
  readonly registry: FaultyShelf;
}

/** What goes wrong, as the end of a sentence: "although …". */
export function wordsOf(fault: NetworkFault): string {
  switch (fault.kind) {
    case "down":
      return "the registry ends each connection";
    case "status":
      return `the registry answers ${fault.status} for ${fault.of}`;
    case "half-manifest":
      return "half of the manifest comes";
    case "cut":
      return `each layer is cut off at ${Math.round(fault.at * 100)} %`;
    case "wrong-byte":
      return "a byte of each layer is another one";
    case "slow":
      return `${fault.bytesPerSecond} bytes come in a second`;
  }
  return fault satisfies never;
}

/**
 * An upgrade while this goes wrong fails with words and leaves everything as it was. Throws ExpectationFailed, also where it fails before it meets
 * what goes wrong, as each upgrade that fails over a good network does.
 */
export async function expectUpgradeRefused(
  guest: Guest,
  fault: NetworkFault,
  pull: BadPull,
): Promise<void> {
  await expectRefused(guest, await upgradeWhile(guest, fault, pull), pull);
}

/** An upgrade, what went wrong meanwhile in words, and whether it met that. */
interface BadUpgrade {
  readonly result: CommandResult;
  readonly words: string;
  readonly hasMet: boolean;
}

async function upgradeWhile(
  guest: Guest,
  fault: NetworkFault,
  { registry }: BadPull,
): Promise<BadUpgrade> {
  registry.breakBy(fault);
  const result = await guest.bootc.tryUpgrade(refusalLimits(guest));
  registry.mend();
  return { result, words: wordsOf(fault), hasMet: registry.met() > 0 };
}

async function expectRefused(
  guest: Guest,
  { result, words, hasMet }: BadUpgrade,
  pull: BadPull,
): Promise<void> {
  expectTold(result, words, pull);
  expectThat(hasMet, "The upgrade fails before it meets what is to go wrong.", {
    "to go wrong": words,
    stderr: excerptEnd(result.stderr, 1000),
  });
  await expectAsBefore(guest, pull);
}

/** A switch to a reference that cannot be had fails likewise. Throws ExpectationFailed. */
export async function expectSwitchRefused(
  guest: Guest,
  reference: string,
  pull: BadPull,
): Promise<void> {
  const result = await guest.bootc.trySwitch(reference, refusalLimits(guest));
  expectTold(result, "nobody serves what it names", pull);
  await expectAsBefore(guest, pull);
}

/**
 * An upgrade while this goes wrong a few times only: true where the tools got over it. Where they did not, it has to be as any other
 * pull that fails. Throws as `expectUpgradeRefused` does.
 */
export async function isOvercome(
  guest: Guest,
  fault: NetworkFault,
  pull: BadPull,
): Promise<boolean> {
  const upgrade = await upgradeWhile(guest, fault, pull);
  const { result, words, hasMet } = upgrade;
  if (result.exitCode !== 0) {
    await expectRefused(guest, upgrade, pull);
    return false;
  }
  pull.note(
    hasMet
      ? `Where ${words} for once, the upgrade gets over it by itself.`
      : `The upgrade succeeds without asking for what was to go wrong (${words}), so nothing is shown of that.`,
  );
  return true;
}

/** The deployments are as they were, and nothing is left of what did not come whole. */
async function expectAsBefore(guest: Guest, { registry, unchanged }: BadPull): Promise<void> {
  await guest.expectDeployments(unchanged);
  if ((await guest.backend()) === "ostree") await expectNoneOf(guest, registry.spoiled());
  else await expectOnlyDeployed(guest);
}
