/** The real bootupd, built by its own compiler, on disks that installed themselves; and the spoiled images that its stories have to catch. */
import { test } from "vitest";
import { expectPassed, placeFor } from "./support/played.ts";

const place = placeFor("boot-loader");
const images = ["--previous", "reference-bootupd:v1", "--candidate", "reference-bootupd:v2"];
const stories = {
  bootupd: ["status", "drift", "adopt", "update", "interrupted", "old-state", "other-disk"],
  grub: [
    "static-menu",
    "older-entry",
    "migrate",
    "boot-counting",
    "mkconfig-leftovers",
    "migrate-at-boot",
  ],
};

test.each(["bootupd", "grub"] as const)("the stories of %s pass", async (family) => {
  const words = stories[family].map((name) => `${family}/${name}`);
  expectPassed(await place.play(["run", ...words, ...images]), words.length);
});

test.each(["bootupd:", "grub:"])("what is spoiled is caught: %s", (only) => place.catches(only));
