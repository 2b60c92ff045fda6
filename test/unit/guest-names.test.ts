import { expect, test } from "vitest";
import { GuestNames } from "../../harness/engine/guest-names.ts";
import type { Image } from "../../images/image.ts";
import { simulatedImage } from "../rehearsal/rehearse.ts";

const named = (name: string): Image => ({ ...simulatedImage("v2", "2"), name });

test("guests are called by the role of their image, in every build alike", () => {
  const hostile = [
    "reference:v2@sha256:0123456789abcdef",
    "/builds/101/output/_x.qcow2",
    `/${"long".repeat(100)}.qcow2`,
    "_",
    "",
  ];
  for (const name of hostile) {
    const images = { previous: simulatedImage("v1", "1"), candidate: named(name) };
    const names = new GuestNames(images);
    const boots = [images.candidate, images.previous, images.candidate, images.candidate];
    expect(boots.map((image) => names.next(image))).toEqual([
      { name: "candidate", claim: "boots the candidate" },
      { name: "previous", claim: "boots the previous image" },
      { name: "candidate-2", claim: "boots the candidate again" },
      { name: "candidate-3", claim: "boots the candidate again (boot 3)" },
    ]);
  }
});

test("a machine's name is fit for every driver, whatever a story calls its roles", () => {
  const roles = ["_odd role", "ü", "9".repeat(200), "base_line"];
  const images = Object.fromEntries(roles.map((role) => [role, named(role)]));
  const names = new GuestNames(images);
  for (const image of [...Object.values(images), named("of no role")]) {
    // With the suffix that a template's machine has.
    expect(`${names.next(image).name}-template`).toMatch(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/);
  }
});
