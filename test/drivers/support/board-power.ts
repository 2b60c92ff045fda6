/** What the tests of power switches share: a board with a switch, in a folder of its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { messageOf, outcomeOf } from "../../../harness/base/errors.ts";
import { parseYaml } from "../../../harness/config/load-yaml.ts";
import { type Board, boardsSchema } from "../../../harness/machine/board/config.ts";
import type { Person } from "../../../harness/machine/board/person/person.ts";
import { openSwitch } from "../../../harness/machine/board/power/open-switch.ts";
import { boardPower } from "../../../harness/machine/board/power/power-switch.ts";
import type { Power } from "../../../harness/machine/machine.ts";

export const password = "geheimes-wort";
let folder = "";

/** A folder with a file `password` in it. Returns the folder. */
export async function makeFolder(): Promise<string> {
  folder = await mkdtemp(join(tmpdir(), "bootgate-power-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  await writeFile(join(folder, "password"), `${password}\n`);
  return folder;
}

export async function removeFolder(): Promise<void> {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
}

function board(power: string, limits = "{ switchSeconds: 2, offSeconds: 0 }"): Board {
  const text = `version: 1
boards:
  pi:
    place: on the shelf
    power: ${power}
    console: { by: serial, device: /dev/ttyUSB0 }
    storage: { by: command, write: [flash] }
    limits: ${limits}
`;
  const { pi } = parseYaml(text, "boards.yaml", boardsSchema).boards;
  return { name: "pi", ...(pi as Omit<Board, "name">) };
}

interface Scene {
  readonly limits?: string;
  readonly person?: Person;
  readonly saidBytes?: () => number;
}

export async function powerOf(
  config: string,
  { limits, person, saidBytes }: Scene = {},
): Promise<Power> {
  const described = board(config, limits);
  const boardsPath = join(folder, "boards.yaml");
  const opened = await openSwitch({ board: described, boardsPath, person: person ?? null });
  const heard = saidBytes === undefined ? {} : { saidBytes };
  return boardPower({ name: "pi", switch: opened, limits: described.limits, ...heard });
}

/** What is told of an act that fails: broken, and never the password. */
export async function told(act: Promise<unknown>): Promise<string> {
  const error = await act.then(
    () => new Error("nothing was wrong"),
    (thrown: unknown) => thrown,
  );
  expect(outcomeOf(error).kind, messageOf(error)).toBe("broken");
  expect(messageOf(error)).not.toContain(password);
  return messageOf(error);
}
