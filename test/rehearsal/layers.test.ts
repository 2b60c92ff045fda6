/** The stories of layered hosts on systems that nothing can be layered on: skipped, with the reason. */
import { expect, test } from "vitest";
import { locksLayering } from "../../harness/engine/layered-host.ts";
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

test.each(Object.keys(layersWithoutRpmOstree))(
  "%s is skipped where the image does not allow layering",
  async (id) => {
    const { outcome } = await rehearse(id, null, {
      world: { etc: { "rpm-ostreed.conf": "[Daemon]\nLockLayering=true\n" } },
      start: "fork",
    });
    expect(outcome).toEqual({
      kind: "skipped",
      reason: expect.stringMatching(/does not allow layered packages \(LockLayering in/),
    });
  },
);

test.each([
  ["[Daemon]\nLockLayering=true\n", true],
  ["[Daemon]\n LockLayering = 1\n", true],
  ["[Daemon]\n#LockLayering=true\n", false],
  ["[Daemon]\nLockLayering=true\nLockLayering=false\n", false],
  ["", false],
  [null, false],
])("%j locks layering: %s", (text, locks) => expect(locksLayering(text)).toBe(locks));
