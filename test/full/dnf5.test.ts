/** The real dnf5 and rpm on disks with a package database, and the images that their stories have to catch. */
import { expect, test } from "vitest";
import { expectPassed, placeFor } from "./support/played.ts";

const place = placeFor("dnf5");
const images = ["--previous", "reference-dnf5:v1", "--candidate", "reference-dnf5:v2"];

test("the stories of dnf5 pass, and the one about another kernel wants its packages", async () => {
  const { outcomes, ...played } = await place.play(["run", "dnf5", ...images, "--suite", "full"]);
  const ended = played.ended.filter((kind) => kind !== "skipped");
  expectPassed({ ...played, outcomes, ended }, 10);
  const skipped = Object.keys(outcomes).filter((id) => outcomes[id] === "skipped");
  expect(skipped).toEqual([expect.stringContaining("dnf5/other-kernel")]);
});

test("an image gets another kernel", async () => {
  const candidate = ["--candidate", "reference-kernel:v1", "--suite", "full"];
  expectPassed(await place.play(["run", "dnf5/other-kernel", ...candidate]), 1);
});

test("what is broken is caught", () => place.catches("dnf5:"));
