/** Images with and without a desktop and greenboot, in both dialects of the latter, and what is promised of them. */
import { describe, expect, test } from "vitest";
import { errorOf } from "../../harness/log/model-schema.ts";
import type { CatalogueWord } from "../../images/image.ts";
import { screens, withScreen } from "./live-medium.ts";
import { bashCaught } from "./promised-stories.ts";
import { type RehearsalOptions, rehearse, timeScales } from "./rehearse.ts";

const promising: CatalogueWord = {
  ...{ entry: "iot", lacks: [] },
  promises: ["desktop", "greenboot"],
};

const played = async (id: string, options: RehearsalOptions) => {
  const { outcome, attempts } = await rehearse(id, null, options);
  return { outcome, notes: attempts.flatMap(({ notes }) => notes).join("\n") };
};

describe("greenboot 0.15", () => {
  const world = { greenboot: "bash" } as const;

  test.each(["greenboot/green", "greenboot/falls-back"])("passes %s", async (id) => {
    const { outcome, notes } = await played(id, { world });
    expect(outcome).toEqual({ kind: "passed" });
    expect(notes).not.toMatch(/is left|stated/);
  });

  test.each(bashCaught)("falls-back notices %s", async (sabotage, kind, step) => {
    const { outcome, attempts } = await rehearse("greenboot/falls-back", sabotage, {
      world,
      timeScale: timeScales.well,
    });
    expect(outcome.kind, errorOf(outcome)?.message).toBe(kind);
    const steps = attempts.at(-1)?.steps ?? [];
    expect(steps.find(({ outcome: { kind: ended } }) => ended !== "passed")?.name).toMatch(step);
  });
});

describe("an image that lacks what a story is about", () => {
  test.each([
    ["desktop/session", { desktop: null }, /no unit has the alias display-manager\.service/],
    ["greenboot/green", { greenboot: null }, /does not have greenboot/],
    ["greenboot/falls-back", { greenboot: null }, /does not have greenboot/],
  ] as const)("%s is skipped, and fails where it was promised", async (id, world, words) => {
    const lacking = { world };
    expect((await played(id, lacking)).outcome).toEqual({
      kind: "skipped",
      reason: expect.stringMatching(words),
    });
    const { outcome } = await played(id, { ...lacking, catalogue: promising });
    expect(outcome.kind).toBe("failed");
    expect(errorOf(outcome)?.message).toMatch(words);
    expect(errorOf(outcome)?.message).toMatch(/The catalogue says that iot promises/);
  });
});

describe("the screen of a desktop", () => {
  test("that nobody can look at is told, and the rest is judged", async () => {
    const { outcome, notes } = await played("desktop/session", {
      driver: (driver) => ({
        ...driver,
        create: async (spec, options) => {
          const machine = await driver.create(spec, options);
          return new Proxy(machine, {
            get: (target, name) => {
              if (name === "screen") return null;
              const value: unknown = Reflect.get(target, name, target);
              return typeof value === "function" ? value.bind(target) : value;
            },
          });
        },
      }),
    });
    expect(outcome).toEqual({ kind: "passed" });
    expect(notes).toMatch(/does not have a screen to look at/);
    expect(notes).toMatch(/A login screen stands there \(wayland\), by gdm\.service/);
  });

  test("that is of one colour is the image's failure on a real processor", async () => {
    const { outcome } = await played("desktop/session", {
      timeScale: 0.05,
      driver: (driver) => withScreen(driver, screens.blank),
    });
    expect(errorOf(outcome)?.headline).toBe("The screen of guest 'candidate' is of one colour.");
    expect(outcome.kind).toBe("failed");
  });
});
