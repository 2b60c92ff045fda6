/** What the stories of a desktop and of greenboot must catch. */
import type { Caught } from "./dnf5-stories.ts";

/** What 0.15 can do besides: it alone has a counter in a boot that turns green. */
export const bashCaught: readonly Caught[] = [
  ["way-back-unarmed", "failed", /^an update whose required check fails is left/],
  ["red-lasts", "failed", /^it had no more boots than are stated$/],
  ["fallback-untold", "failed", /^the boot after the fallback is green, and tells of it$/],
  ["counter-stays", "failed", /^an update whose check is good is kept$/],
];

export const promisedCaught: Readonly<Record<string, readonly Caught[]>> = {
  "desktop/session": [
    ["display-manager-dies", "failed", /^its display manager runs$/],
    ["display-manager-loops", "failed", /^its display manager runs$/],
    ["graphical-missed", "failed", /^graphical\.target is reached$/],
    // A display manager that runs may still bring one.
    ["nobody-logged-in", "broken", /^a session or a login screen is there$/],
    ["panics-on-boot", "failed", /^boots the candidate$/],
  ],
  "greenboot/green": [
    ["way-back-unarmed", "failed", /^what a red boot is left by is enabled$/],
    ["success-untold", "failed", /^the boot is green, and says so$/],
    ["green-untold", "failed", /^the boot is green, and says so$/],
    ["wanted-counts", "failed", /^an update whose wanted check fails boots$/],
    ["stays-on-old", "failed", /^an update whose wanted check fails boots$/],
  ],
  "greenboot/falls-back": [
    ["success-untold", "failed", /^the boot before the update is green$/],
    ["way-back-unarmed", "failed", /^an update whose required check fails is left/],
    ["red-stays", "failed", /^an update whose required check fails is left/],
    ["counter-sticks", "failed", /^an update whose required check fails is left/],
    ["red-lasts", "failed", /^it had no more boots than are stated$/],
    ["fallback-untold", "failed", /^the boot after the fallback is green, and tells of it$/],
    ["fallback-passes", "failed", /^another reboot stays there$/],
    ["stays-on-old", "failed", /^an update whose required check fails is left/],
  ],
};
