/** Hosts with layered packages on real machines, through the stand-in for rpm-ostree; and the spoiled images that their stories have to catch. */
import { test } from "vitest";
import { expectPassed, placeFor } from "./support/played.ts";

const place = placeFor("layers");
const images = ["--previous", "reference-layered:v1", "--candidate", "reference-layered:v2"];

test("the stories of layered hosts pass", async () => {
  expectPassed(await place.play(["run", "layers", "--suite", "full", ...images]), 4);
});

test("what is spoiled is caught", () => place.catches("layers:"));
