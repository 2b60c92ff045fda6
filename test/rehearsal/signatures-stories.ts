/** What each story of signatures has to catch. */
import type { Caught } from "./dnf5-stories.ts";

const refused: readonly Caught[] = [
  ["signatures-ignored", "failed", /^one that nobody signed is refused/],
  ["keys-ignored", "failed", /^one that somebody else signed is refused/],
  ["digests-ignored", "failed", /^one with another image's signature is refused/],
  ["signed-refused", "failed", /^a signed update is staged$/],
  ["refusal-drops-staged", "failed", /^one that nobody signed is refused/],
];

export const signaturesCaught: Readonly<Record<string, readonly Caught[]>> = {
  "signatures/accepted": [
    ["signed-refused", "failed", /^a signed update is staged$/],
    ["signatures-ignored", "failed", /^there too an unsigned update is refused$/],
    ["stays-on-old", "failed", /^it boots$/],
  ],
  "signatures/refused": refused,
  "signatures/simple-signing": refused,
  "signatures/key-rotated": [
    ["keys-ignored", "failed", /^an update that the new key signed is refused/],
    ["signatures-ignored", "failed", /^an update that the new key signed is refused/],
    ["signed-refused", "failed", /^who has the new key stages it$/],
    ["refusal-drops-staged", "failed", /^what the old key signs counts no more$/],
  ],
  "signatures/removed": [
    ["signatures-ignored", "failed", /^the next upgrade is refused, and nothing changes$/],
    ["signed-refused", "failed", /^a signed update is staged$/],
    ["stays-on-old", "failed", /^it boots, though its signature is gone$/],
  ],
  "signatures/enforced": [
    ["policy-untold", "failed", /^a switch that enforces signatures stages a signed image/],
    ["enforcement-forgotten", "failed", /^nothing is enforced under a policy that takes anything$/],
    ["signed-refused", "failed", /^a switch that enforces signatures stages a signed image/],
    ["stays-on-old", "failed", /^the system that boots says so too$/],
  ],
};

/** What only the store of ostree is looked at for: the simulated composefs backend keeps no images. */
export const signaturesOnOstree: Readonly<Record<string, readonly Caught[]>> = {
  "signatures/refused": [["refusal-leaves-layers", "failed", /^one that nobody signed is refused/]],
};
