/** The stories of layered hosts on systems that nothing can be layered on: skipped, with the reason. */
import { expect, test } from "vitest";
import { layersWithoutRpmOstree } from "./layers-stories.ts";
import { rehearse } from "./rehearse.ts";

test.each(Object.entries(layersWithoutRpmOstree))(
  "without rpm-ostree %s is skipped",
  async (id, reason) => {
    const { outcome } = await rehearse(id, null, {
      world: { lacksRpmOstree: true },
      start: "fork",
    });
    expect(outcome).toEqual({ kind: "skipped", reason: expect.stringMatching(reason) });
  },
);
