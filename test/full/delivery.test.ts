/** How updates reach a system: signatures, a bad network, tags and power cuts, on machines. */
import { expect, test } from "vitest";
import { expectPassed, notesOf, placeFor } from "./support/played.ts";

const place = placeFor("delivery");
const images = ["--previous", "reference:v1", "--candidate", "reference:v2"];

const signatures = [
  ...["accepted", "enforced", "key-rotated"],
  ...["refused", "removed", "simple-signing"],
].map((name) => `signatures/${name}`);
const network = ["broken-layers", "registry-answers"].map((name) => `network/${name}`);
const tags = ["goes-back", "lost-architecture", "retention"].map((name) => `tags/${name}`);

test.each([
  ["about signatures", signatures],
  ["about a bad network", network],
  ["of tags and history", tags],
])("the stories %s pass", async (_which, stories) => {
  expectPassed(await place.play(["run", ...stories, ...images]), stories.length);
});

test("500 power cuts during an upgrade leave the old image or the new one", async () => {
  const words = ["run", "power/cut-upgrade", ...images, "--power-cuts", "500"];
  const played = await place.play(words);
  expectPassed(played, 1);
  expect(notesOf(played.events)).toMatch(
    /^500 power cuts leave \d+ (?:state|different states)\.$/m,
  );
});

test.each(["signatures:", "network:", "tags:"])(
  "what is wrong with '%s' is caught",
  async (only) => {
    await place.catches(only);
  },
);
