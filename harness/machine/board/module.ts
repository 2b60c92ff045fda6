/** A board as an entry of the driver registry: what a command line may say to it, and how it is made. */
import { z } from "zod";
import { UsageError } from "../../base/errors.ts";
import type { MachineDriver } from "../machine.ts";
import { boardNamed, loadBoards } from "./config.ts";
import { createBoardDriver } from "./driver.ts";
import { createPerson } from "./person/ask-person.ts";
import type { Person } from "./person/person.ts";
import { terminalWay } from "./person/terminal-way.ts";

/** What a command line or a file may say to this driver. What is only of emulators is taken and left alone. */
export const boardOptions = z.strictObject({
  board: z.string("expected board:NAME, with a name of boards.yaml").min(1).max(100),
  /** The file that describes the boards; absent: the usual places. */
  boards: z.string().min(1).optional(),
  accelerator: z.enum(["auto", "kvm", "tcg"]).default("auto"),
  kvmProbeSeconds: z.number().positive().max(3600).default(15),
});

export interface BoardHost {
  readonly onProgress: (line: string) => void;
}

/** Makes the driver; touches nothing of the board. Throws UsageError for a board that is not described. */
export async function openBoard(
  { board: name, boards: named, accelerator }: z.output<typeof boardOptions>,
  { onProgress }: BoardHost,
): Promise<MachineDriver> {
  if (accelerator !== "auto")
    throw new UsageError(`Board '${name}' is hardware: leave out --accelerator ${accelerator}.`);
  const boards = await loadBoards(named);
  const board = boardNamed(boards, name);
  return createBoardDriver({ board, boardsPath: boards.path, person: somebody(), onProgress });
}

let atTerminal: Person | null = null;

/** Who sits at the terminal, the same for all boards of this process: one Enter is not for two of them. Null where nobody does. */
export function somebody(): Person | null {
  const { stdin: input, stderr: output } = process;
  if (!input.isTTY || !output.isTTY) return null;
  atTerminal ??= createPerson({ ways: [terminalWay({ input, output })] });
  return atTerminal;
}
