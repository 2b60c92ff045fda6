/** Plays `bootc install` of the stand-in in a world without disks, ostree and root (`standin_install_world.py`). */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { type PythonLines, startPython } from "./python-lines.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const standin = here("../../../images/reference/standin");

/** A command on a machine; the other keys are facts of its world. */
export interface Case {
  readonly run: readonly string[];
  readonly config?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly [fact: string]: unknown;
}
/** How it ended: what was said on both streams, which programs were started, what lies on the disk. */
export interface Ended {
  readonly exitCode: number;
  readonly said: string;
  readonly commands: readonly string[];
  readonly kargs: readonly string[];
  readonly files: Record<string, string>;
  readonly boot: string;
  readonly core: string;
}

export interface InstallWorld {
  /** Plays cases, each in a world of its own. */
  play(cases: readonly Case[]): Promise<Ended[]>;
  /** Plays one case. */
  playOne(one: Case): Promise<Ended>;
}

/** Gives the tests of a file one Python that plays their cases: to start one for each takes longer than to play them. */
export function useInstallWorld(): InstallWorld {
  let python: PythonLines;
  beforeAll(() => {
    python = startPython(here("standin_install_world.py"));
    python.write({ standin });
  });
  afterAll(() => python.end());
  const playOne = async (one: Case): Promise<Ended> => (await python.ask(one)) as Ended;
  const play = async (cases: readonly Case[]): Promise<Ended[]> => {
    const ended: Ended[] = [];
    for (const one of cases) ended.push(await playOne(one));
    return ended;
  };
  return { play, playOne };
}
