/** Images that take what their policy does not let them take: each is what one story of signatures has to catch. */
import type { SelftestCase } from "./selftest-case.ts";

const wrong = [
  [
    "accepted",
    /^there too an unsigned update is refused$/,
    /An image was taken that nobody signed/,
  ],
  ["refused", /^one that nobody signed is refused/, /An image was taken that nobody signed/],
  ["simple-signing", /^one that nobody signed is refused/, /An image was taken that nobody signed/],
  ["key-rotated", /^an update that the new key signed/, /An image was taken that a key signed/],
  ["removed", /^the next upgrade is refused/, /An image was taken whose signature is gone/],
] as const;

/** Minutes each, since all of them upgrade. */
export const signatureCases: readonly SelftestCase[] = [
  ...wrong.map(
    ([story, step, message]): SelftestCase => ({
      name: `signatures: the policy is not asked (${story})`,
      images: { candidate: "reference:v2-takes-unsigned" },
      scenario: `signatures/${story}`,
      suite: "full",
      expect: { outcome: "failed", step, message },
    }),
  ),
  {
    name: "signatures: a switch enforces nothing",
    images: { candidate: "reference:v2-enforces-nothing" },
    scenario: "signatures/enforced",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^nothing is enforced under a policy that takes anything$/,
      message: /An image was taken under a policy that takes anything/,
    },
  },
];
