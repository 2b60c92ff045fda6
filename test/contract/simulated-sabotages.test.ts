import { describe, expect, test } from "vitest";
import type { ScenarioDefinition } from "../../harness/engine/scenario.ts";
import bootHealth from "../../scenarios/boot/health.ts";
import etcVarKept from "../../scenarios/bootc/etc-var-kept.ts";
import stagedIsBooted from "../../scenarios/bootc/staged-is-booted.ts";
import bootcStatus from "../../scenarios/bootc/status.ts";
import bootcSwitch from "../../scenarios/bootc/switch.ts";
import upgradeNothingNew from "../../scenarios/bootc/upgrade-nothing-new.ts";
import upgradeRollback from "../../scenarios/bootc/upgrade-rollback.ts";
import composefsRoot from "../../scenarios/composefs/root.ts";
import { type SabotageName, sabotages } from "../simulated/sabotages.ts";
import { play } from "./support/small-stage.ts";

const scenarios = {
  "boot/health": bootHealth,
  "composefs/root": composefsRoot,
  "bootc/etc-var-kept": etcVarKept,
  "bootc/staged-is-booted": stagedIsBooted,
  "bootc/status": bootcStatus,
  "bootc/switch": bootcSwitch,
  "bootc/upgrade-nothing-new": upgradeNothingNew,
  "bootc/upgrade-rollback": upgradeRollback,
} as const;
type ScenarioId = keyof typeof scenarios;
const scenarioOf = (id: ScenarioId) => scenarios[id] as unknown as ScenarioDefinition<string>;

/** Sabotage → the scenario meant to notice it and words of its message. */
const meant: Readonly<Record<SabotageName, readonly [ScenarioId, RegExp]>> = {
  "panics-on-boot": ["boot/health", /Kernel panic - not syncing: VFS/],
  "failed-unit": ["boot/health", /sabotaged\.service/],
  "no-composefs": ["composefs/root", /not composefs/],
  "composefs-flag-only": ["composefs/root", /not composefs/],
  "usr-writable": ["composefs/root", /could be created in \/usr/],
  "loses-network": ["boot/health", /no SSH banner has come/],
  "journal-fatal": ["boot/health", /segfault at/],
  "stays-on-old": ["bootc/staged-is-booted", /No space left on device/],
  "loses-rollback": [
    "bootc/upgrade-rollback",
    /rollback +expected sim:v1 \(sha256:1{12}\)\n +got +nothing/,
  ],
  "loses-staged": ["bootc/staged-is-booted", /nothing is staged/],
  "upgrade-noop-stages": ["bootc/upgrade-nothing-new", /staged +expected nothing/],
  "wrong-digest": ["bootc/staged-is-booted", /came up in another one/],
  "etc-merge-lost": ["bootc/etc-var-kept", /\/etc/],
  "var-lost": ["bootc/etc-var-kept", /\/var/],
  "switch-ignored": ["bootc/switch", /staged +expected sim:v2/],
  "rollback-ignored": ["bootc/upgrade-rollback", /booted +expected sim:v1/],
  "status-schema": ["bootc/status", /status\.booted\.incompatible/],
  "status-wrong-type": ["bootc/status", /status: /],
  "same-boot": ["bootc/upgrade-rollback", /the same boot answers/],
  floods: ["bootc/status", /printed more than its limit/],
  junk: ["bootc/status", /bootc/],
  hangs: ["bootc/status", /did not end within/],
  "drops-ssh": ["bootc/status", /SSH connection to guest 'sim:v2' was lost/],
  "machine-dies": ["bootc/status", /died \(sabotage\)/],
};

describe.concurrent("every sabotage is caught by the scenario meant for it", () => {
  test.each(Object.entries(meant))("%s", async (name, [id, words]) => {
    const sabotage = name as SabotageName;
    const { outcome } = await play(scenarioOf(id), sabotage);
    expect(outcome.kind).toBe(sabotages[sabotage].outcome);
    expect("error" in outcome ? outcome.error.message : "").toMatch(words);
  });
});

describe.concurrent("every scenario passes where nothing is sabotaged", () => {
  test.each(Object.keys(scenarios) as ScenarioId[])("%s", async (id) => {
    expect(await play(scenarioOf(id))).toMatchObject({ outcome: { kind: "passed" } });
  });
});
