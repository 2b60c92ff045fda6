/** The stories of composefs on images that set their root otherwise than most: what each claims is what is expected of it. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../../harness/base/package-root.ts";
import { loadYaml } from "../../harness/config/load-yaml.ts";
import { knownFailuresSchema, matchKnown } from "../../harness/gate/known/known-failures.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import { rehearse, timeScales } from "./rehearse.ts";
import { table } from "./scenario-table.ts";

const setting = (enabled: string, more = ""): { readonly world: { prepareRoot: string } } => ({
  world: { prepareRoot: `[composefs]\nenabled = ${enabled}\n${more}` },
});
const passed = { kind: "passed" };

describe.each([
  ["fs-verity is required", setting("verity")],
  ["the commit is signed", setting("signed")],
  ["composefs is used where there is an image", setting("maybe")],
  ["/etc is in memory", setting("yes", "[etc]\ntransient = true\n")],
  ["/ is in memory", setting("yes", "[root]\ntransient = true\n")],
])("where %s", (_, options) => {
  test.each([...["setting", "etc-var", "tampered-object", "tampered-device"]])(
    "composefs/%s passes",
    async (story) => {
      const { outcome } = await rehearse(`composefs/${story}`, null, options);
      expect(outcome).toEqual(passed);
    },
  );
});

test.each(Object.keys(table))(
  "%s does not fail a good image whose /etc and / are in memory",
  async (id) => {
    const options = setting("yes", "[etc]\ntransient = true\n[root]\ntransient = true\n");
    const { outcome } = await rehearse(id, null, options);
    expect(outcome).toSatisfy(({ kind }) => kind === "passed" || kind === "skipped");
  },
);

describe("where bootc's composefs backend has in memory", () => {
  const composefs = (prepareRoot: string) =>
    ({ world: { kind: "bootc-composefs", prepareRoot } }) as const;
  test.each([
    ["/", composefs("[root]\ntransient = true\n")],
    ["/var", composefs("[var]\ntransient = true\n")],
    ["/etc", composefs("[etc]\ntransient = true\n")],
    ["/ and /etc with it", composefs('[root]\ntransient = true\n\n[etc]\nmount = "root"\n')],
    ["/ and /var with it", composefs('[root]\ntransient = true\n\n[var]\nmount = "none"\n')],
  ])("%s, a good image passes", async (_, options) => {
    const ids = ["composefs/root", "composefs/setting", "composefs/etc-var", "bootc/etc-var-kept"];
    for (const id of ids)
      expect([id, (await rehearse(id, null, options)).outcome]).toEqual([id, passed]);
  });

  test("not even /etc, which is the image's own, a good image passes and it is told", async () => {
    const options = composefs('[etc]\nmount = "none"\n');
    const { outcome, attempts } = await rehearse("composefs/etc-var", null, options);
    expect(outcome).toEqual(passed);
    expect(attempts[0]?.notes.join()).toMatch(/\/etc is read-only by the image's own setting/);
    expect((await rehearse("composefs/setting", null, options)).outcome).toEqual(passed);
    const { outcome: kept } = await rehearse("bootc/etc-var-kept", null, options);
    expect(kept).toMatchObject({ kind: "skipped" });
  });

  test("/var, a power cut is not blamed for what was in it, and podman's storage is not asked for", async () => {
    const options = composefs("[var]\ntransient = true\n");
    const { outcome, attempts } = await rehearse("bootc/power-cut", null, options);
    expect(outcome).toEqual(passed);
    expect(attempts[0]?.notes.join()).toMatch(/\/var is in memory by the image's own setting/);
    const storage = await rehearse("bootc/switch-containers-storage", null, options);
    const reason = expect.stringMatching(/podman's storage does not outlive a reboot/);
    expect(storage.outcome).toEqual({ kind: "skipped", reason });
  });

  test("the root, it is told that the options of the mount below cannot be seen", async () => {
    const options = composefs("[root]\ntransient = true\n");
    const { attempts } = await rehearse("composefs/setting", null, options);
    expect(attempts[0]?.notes.join()).toMatch(/verity=require .* could not be seen/);
  });
});

test("objects that have other attributes than their names say are a known failure, and damaged ones are not", async () => {
  const path = join(packageRoot, "scenarios", "known-failures.yaml");
  const list = await loadYaml(path, knownFailuresSchema);
  const trackerOf = async (sabotage: SabotageName) => {
    const job = await rehearse("composefs/fsck", sabotage, { timeScale: timeScales.well });
    return matchKnown(list, job, new Date("2026-11-27T12:00:00Z"))?.entry.tracker;
  };
  expect(await trackerOf("object-mislabelled")).toMatch(/bootc\/issues\/1216$/);
  expect(await trackerOf("object-damaged")).toBeUndefined();
});

test("a garbage collection is not blamed for objects that have other attributes than their names say", async () => {
  const at = { timeScale: timeScales.well };
  const { outcome, attempts } = await rehearse(
    "bootc/garbage-collection",
    "object-mislabelled",
    at,
  );
  expect(outcome).toEqual(passed);
  expect(attempts[0]?.notes.join()).toMatch(/1 object to be other than its name says/);
  const lost = await rehearse("bootc/garbage-collection", "object-lost", at);
  expect(lost.outcome.kind).toBe("failed");
});

test("what an image lets go is told", async () => {
  const memory = setting("yes", "[etc]\ntransient = true\n");
  const { attempts } = await rehearse("composefs/etc-var", null, memory);
  expect(attempts[0]?.notes.join()).toMatch(/\/etc is transient by the image's own setting/);
});

test("a signed root does not boot from a changed image, and one that does is caught", async () => {
  const signed = setting("signed");
  expect((await rehearse("composefs/tampered-image", null, signed)).outcome).toEqual(passed);
  const caught = await rehearse("composefs/tampered-image", "image-unchecked", signed);
  expect(caught.outcome.kind).toBe("failed");
});

test.each([
  [
    "ostree is told to",
    setting("yes", "[sysroot]\nreadonly = false\n"),
    /by the image's own setting/,
  ],
  [
    "its bootc did before 1.12",
    { world: { kind: "bootc-composefs", bootc: "1.1.4" } },
    /as bootc 1\.1\.4.* leaves it/,
  ],
] as const)(
  "an image is not blamed for a /sysroot that is left writable as %s",
  async (_, options, words) => {
    const { outcome, attempts } = await rehearse("composefs/root", null, options);
    expect(outcome).toEqual(passed);
    expect(attempts[0]?.notes.join()).toMatch(words);
  },
);
