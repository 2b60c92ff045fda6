/** The real dnf5 and rpm on disks with a package database, and the images that their stories have to catch. */
import { test } from "vitest";
import { expectPassed, placeFor } from "./support/played.ts";

const place = placeFor("dnf5");
const images = ["--previous", "reference-dnf5:v1", "--candidate", "reference-dnf5:v2"];

test("the stories of dnf5 pass", async () => {
  expectPassed(await place.play(["run", "dnf5", ...images, "--suite", "full"]), 10);
});

test("what is broken is caught", () => place.catches("dnf5:"));
