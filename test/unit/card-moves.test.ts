/** How often the plan says that a person moves a card. */
import { expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { cardMoveLines } from "../../harness/cli/wiring/card-moves.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import type { Job } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { boardsSchema } from "../../harness/machine/board/config.ts";
import { createBoardDriver } from "../../harness/machine/board/driver.ts";

const card = "device: /dev/disk/by-id/card, size: { least: 1GiB, most: 64GiB }";

function driverOf(storage: string) {
  const words = `version: 1\nboards:\n  pi:\n    power: { by: person }\n    console: { by: tcp, host: lab, port: 4000 }\n    storage: ${storage}\n`;
  const { pi } = parseYaml(words, "boards.yaml", boardsSchema).boards;
  if (pi === undefined) throw new TypeError("There is a board.");
  const board = { name: "pi", ...pi };
  return createBoardDriver({
    ...{ board, boardsPath: "boards.yaml", person: null },
    onProgress: () => undefined,
  });
}

const job = (
  needs: Partial<LoadedScenario["definition"]["needs"]>,
  more: Partial<Pick<Job, "skip" | "unavailable">> & { readonly driver?: "board" | "qemu" } = {},
) => {
  const { driver = "board", ...rest } = more;
  const definition = { needs: { images: ["candidate"], ...needs } };
  return {
    scenario: { definition },
    machine: { driver, word: `${driver}:pi` },
    skip: null,
    ...rest,
  } as Job;
};

const jobs = [
  job({}),
  job({ images: ["previous", "candidate"] }),
  job({ images: ["previous", "candidate"], boots: ["previous"] }),
  job({}, { skip: "It needs a registry." }),
  job({}, { unavailable: new HostUnfit("It is away.") }),
  job({}, { driver: "qemu" }),
];

test("two for each image that is booted, of the jobs that are played there", () => {
  expect(cardMoveLines(jobs, [driverOf(`{ by: person, ${card} }`)])).toEqual([
    "A person moves the card of 'board:pi' 8 times, for 4 boots; a job that is tried again needs 2 more for each.",
  ]);
});

test("nothing is told of cards that nobody moves", () => {
  const mux = driverOf(`{ by: mux, toHost: [host], toBoard: [board], ${card} }`);
  expect(cardMoveLines(jobs, [mux])).toEqual([]);
});
