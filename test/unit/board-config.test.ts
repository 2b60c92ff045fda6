import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { messageOf } from "../../harness/base/errors.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import {
  boardNamed,
  boardsJsonSchema,
  boardsPlaces,
  boardsSchema,
  loadBoards,
} from "../../harness/machine/board/config.ts";

const read = (text: string) => parseYaml(text, "boards.yaml", boardsSchema);

function wrongWith(text: string): string {
  try {
    read(text);
  } catch (error) {
    return messageOf(error);
  }
  return "nothing";
}

const pi = (more: string): string => `version: 1
boards:
  pi:
    power: { by: person }
    console: { by: serial, device: /dev/ttyUSB0 }
    storage: { by: person, device: /dev/disk/by-id/usb-card, size: { least: 14GiB, most: 17GiB } }
${more}`;

test("docs/schema/boards.schema.json is fresh", async () => {
  await expect(boardsJsonSchema()).toMatchFileSnapshot("../../docs/schema/boards.schema.json");
});

test("the examples in docs/boards.md are ones, and name the three models of Raspberry Pi", () => {
  const page = readFileSync(new URL("../../docs/boards.md", import.meta.url), "utf8");
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => read(text));
  const boards = examples.flatMap(({ boards: described }) => Object.values(described));
  expect(examples).toHaveLength(3);
  expect([...new Set(boards.map(({ model }) => model))].sort()).toEqual([
    "raspberry-pi-3",
    "raspberry-pi-4",
    "raspberry-pi-5",
  ]);
});

test("what is left out has a value", () => {
  const { pi: board } = read(pi("")).boards;
  expect(board).toMatchObject({
    model: "other",
    architecture: "aarch64",
    console: { baud: 115_200 },
    storage: { size: { least: 14 * 1024 ** 3, most: 17 * 1024 ** 3 } },
    network: { by: "none" },
    limits: { switchSeconds: 20, offSeconds: 3, personMinutes: 10, writeMinutes: 60 },
  });
});

describe("mistakes are told with their line", () => {
  test.each([
    [
      "an unknown key of a power switch",
      "    power: { by: person, hots: x }",
      /boards\.yaml:4:26: unknown key 'hots' in 'boards\.pi\.power'/,
    ],
    [
      "an unknown kind of power switch",
      "    power: { by: tasmoda, host: x }",
      /boards\.yaml:4:\d+: .*expected one of person, command, http, tasmota, .*did you mean 'tasmota'/,
    ],
    [
      "a password in an address",
      "    power: { by: http, on: 'http://me:geheim99@plug/on', off: 'http://plug/off' }",
      /boards\.yaml:4:28: .*use 'user' and 'passwordFile'/,
    ],
    [
      "a command as one line",
      "    power: { by: command, on: relay 3 on, off: [relay, off] }",
      /boards\.yaml:4:31: 'boards\.pi\.power\.on' is "relay 3 on": expected a list/,
    ],
  ])("%s", (_, power, words) => {
    const said = wrongWith(pi("").replace("    power: { by: person }", power));
    expect(said).toMatch(words);
    expect(said).not.toContain("geheim99");
  });

  test("a card by a name that moves, and one whose size is upside down", () => {
    expect(wrongWith(pi("").replace("/dev/disk/by-id/usb-card", "/dev/sdb"))).toMatch(
      /boards\.yaml:6:36: .*expected a path below \/dev\/disk\/by-id/,
    );
    expect(wrongWith(pi("").replace("least: 14GiB", "least: 18GiB"))).toMatch(
      /boards\.yaml:6:\d+: .*'least' is larger than 'most'/,
    );
  });

  test("two boards on one serial line", () => {
    const second = pi("")
      .split("boards:\n")[1]
      ?.replace("  pi:", "  other:")
      .replace("by-id/usb-card", "by-id/usb-b");
    expect(wrongWith(pi(second ?? ""))).toMatch(
      /boards\.yaml:9:36: .*the board 'pi' has it already; each needs its own/,
    );
  });

  test("two boards on one outlet, with the relay named or not", () => {
    const two = (first: string, second: string): string => {
      const board = (name: string, power: string): string => `  ${name}:
    power: ${power}
    console: { by: tcp, host: ${name}, port: 1 }
    storage: { by: command, write: [flash] }
`;
      return `version: 1\nboards:\n${board("a", first)}${board("b", second)}`;
    };
    const plug = "by: tasmota, host: plug";
    expect(wrongWith(two(`{ ${plug}, passwordFile: p }`, `{ ${plug}, relay: 1 }`))).toMatch(
      /boards\.yaml:8:\d+: .*the board 'a' has it already/,
    );
    expect(wrongWith(two(`{ ${plug}, relay: 1 }`, `{ ${plug}, relay: 2 }`))).toBe("nothing");
    expect(wrongWith(two("{ by: person }", "{ by: person }"))).toBe("nothing");
  });

  test("a part by labgrid without a place, and two boards of one place", () => {
    const board = (name: string, place: string): string => `  ${name}:
${place}    power: { by: labgrid }
    console: { by: labgrid }
    storage: { by: command, write: [flash] }
`;
    const file = (...boards: string[]): string => `version: 1\nboards:\n${boards.join("")}`;
    expect(wrongWith(file(board("a", "")))).toMatch(
      /boards\.yaml:4:\d+: .*does not name its place[\s\S]*boards\.yaml:5:\d+: .*does not name its place/,
    );
    const [one, other] = ["rack-1", "rack-2"].map((place) => `    labgrid: { place: ${place} }\n`);
    expect(wrongWith(file(board("a", one ?? ""), board("b", other ?? "")))).toBe("nothing");
    expect(wrongWith(file(board("a", one ?? ""), board("b", one ?? "")))).toMatch(
      /boards\.yaml:9:\d+: .*the board 'a' has it already/,
    );
    expect(wrongWith(file(board("a", "    labgrid: { place: a, coordinator: lab }\n")))).toContain(
      "expected HOST:PORT",
    );
  });

  test("no board, and a name that no lock could have", () => {
    expect(wrongWith("version: 1\nboards: {}\n")).toContain("expected at least one board");
    expect(wrongWith(pi("").replace("  pi:", "  ../pi:"))).toMatch(
      /boards\.yaml:3:3: .*small letters/,
    );
  });
});

describe("where the file is", () => {
  test("in the folder, then in the user's configuration", () => {
    expect(boardsPlaces({ XDG_CONFIG_HOME: "/etc/mine" })).toEqual([
      "boards.yaml",
      "/etc/mine/bootgate/boards.yaml",
    ]);
  });

  test("found in the user's configuration, and boards by their name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bootgate-boards-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    vi.stubEnv("XDG_CONFIG_HOME", folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(loadBoards()).rejects.toThrow("No boards are described");
    const path = join(folder, "bootgate", "boards.yaml");
    await mkdir(join(folder, "bootgate"));
    await writeFile(path, pi(""));
    const boards = await loadBoards();
    expect(boards.path).toBe(path);
    expect(boardNamed(boards, "pi").console.by).toBe("serial");
    expect(() => boardNamed(boards, "pie")).toThrow(
      /does not have a board 'pie'.*did you mean 'pi'/s,
    );
    await expect(loadBoards(join(folder, "none.yaml"))).rejects.toThrow("does not exist");
  });
});
