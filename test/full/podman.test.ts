/** The real podman on machines: its storage as a source of updates, the images that a system is bound to, and what their stories have to catch. */
import { test } from "vitest";
import { expectPassed, placeFor } from "./support/played.ts";

const place = placeFor("podman");
const stories = ["bootc/switch-containers-storage", "bootc/bound-images"];
const images = ["--previous", "reference-podman:v1", "--candidate", "reference-podman:v2"];

test("the stories of podman's storages pass", async () => {
  expectPassed(await place.play(["run", ...stories, "--suite", "full", ...images]), stories.length);
});

test("what is broken is caught", () => place.catches("podman:"));
