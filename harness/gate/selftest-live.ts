/** Live media: the good one, one whose session never begins, and one whose root file system is damaged. */
import type { SelftestCase } from "./selftest-case.ts";

const scenario = "live/session";

/** A boot each, of a medium that has to be built first. */
export const liveCases: readonly SelftestCase[] = [
  {
    name: "a good live medium passes",
    images: { candidate: "reference-live" },
    scenario,
    suite: "full",
    expect: { outcome: "passed" },
  },
  {
    name: "a live session never begins",
    images: { candidate: "reference-live-no-session" },
    scenario,
    suite: "full",
    expect: {
      outcome: "failed",
      type: "ExpectationFailed",
      step: /^a session or an installer is there$/,
      message: /Nobody is logged in on the first seat/,
    },
  },
  {
    name: "the root of a live medium is damaged",
    images: { candidate: "reference-live-corrupt" },
    scenario,
    suite: "full",
    expect: {
      outcome: "failed",
      type: "BootFailed",
      step: /^boots the candidate$/,
      message: /LiveOS\/squashfs\.img/,
    },
  },
];
