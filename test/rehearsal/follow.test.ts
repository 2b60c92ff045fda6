/** A disk that follows its vendor's reference: the harness changes that, says so, and is itself to blame where it cannot. */
import { expect, test } from "vitest";
import { expectEqual, scenario } from "../../harness/index.ts";
import { rehearse, rehearseStory } from "./rehearse.ts";

const vendor = "quay.io/vendor/os:latest";
const stories = [
  "bootc/etc-var-kept",
  "bootc/staged-is-booted",
  "bootc/switch",
  "bootc/upgrade-nothing-new",
  "bootc/upgrade-rollback",
];

test.each(stories)("%s passes on a disk that follows its vendor", async (id) => {
  const { outcome, attempts } = await rehearse(id, null, { world: { follows: vendor } });
  expect(outcome).toEqual({ kind: "passed" });
  const changed = attempts[0]?.deviations.filter((deviation) => deviation.id === "origin-changed");
  expect(changed).toEqual([
    {
      id: "origin-changed",
      text: `The guest's origin was changed from ${vendor} to 10.0.2.100:5000/os:stable.`,
    },
  ]);
});

test("nothing is done to a disk that follows the reference", async () => {
  const { outcome, attempts } = await rehearse("bootc/staged-is-booted", null);
  expect(outcome).toEqual({ kind: "passed" });
  expect(attempts[0]?.deviations.map(({ id }) => id)).not.toContain("origin-changed");
});

const watched = (command: string) =>
  scenario({
    summary: "s",
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ images: { candidate }, boot, step }) {
      await using guest = await boot(candidate, { follows: "10.0.2.100:5000/os:stable" });
      await step("it is as before", async () => {
        const sysroot = await guest.ostree.mount("/sysroot");
        expectEqual("/sysroot", sysroot?.options.includes("ro"), true);
        expectEqual("The exit code", (await guest.exec(command)).exitCode, 1);
      });
    },
  });

test("the guest's own /sysroot stays read-only, and bootc alone cannot write there", async () => {
  const definition = watched("bootc switch --mutate-in-place 10.0.2.100:5000/os:next");
  const job = await rehearseStory({ id: "test/follow", definition }, null, {
    world: { follows: vendor },
  });
  expect(job.outcome).toEqual({ kind: "passed" });
});

test("the composefs backend cannot be made to follow another reference, which is nobody's failure", async () => {
  const { outcome } = await rehearse("bootc/upgrade-rollback", null, {
    world: { kind: "bootc-composefs", follows: vendor },
  });
  expect(outcome).toMatchObject({ kind: "broken", error: { type: "CannotTell" } });
  const message = outcome.kind === "broken" ? outcome.error.message : "";
  expect(message).toContain(
    `The disk follows ${vendor}; this story needs one that follows 10.0.2.100:5000/os:stable.`,
  );
  expect(message).toMatch(/to do +build the disk so that it follows 10\.0\.2\.100:5000\/os:stable/);
});

test.each([
  ["follow-fails", /exit code +1\n +stderr +unshare: unshare failed: Operation not permitted/],
  ["follow-hangs", /why +.*did not end within/],
  ["follow-ignored", /status +it follows quay\.io\/vendor\/os:latest afterwards/],
] as const)(
  "what the harness does to a guest is not the image's fault: %s",
  async (sabotage, words) => {
    const { outcome, attempts } = await rehearse("bootc/switch", sabotage, {
      world: { follows: vendor },
    });
    expect(outcome).toMatchObject({ kind: "broken", error: { type: "CannotTell" } });
    expect(outcome.kind === "broken" && outcome.error.message).toMatch(words);
    const step = attempts[0]?.steps.find(({ outcome: { kind } }) => kind !== "passed");
    expect(step?.name).toMatch(/^boots /);
  },
);
