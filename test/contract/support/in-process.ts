/** The command line inside the test's own process, for what a child process could not be watched at. */
import { main } from "../../../harness/cli/cli.ts";

/** `main`, with what it sets up for the rest of a process's life taken back when it has ended. */
export async function mainHere(argv: readonly string[]): Promise<number> {
  const emitters: readonly NodeJS.EventEmitter[] = [process, process.stdout, process.stderr];
  const names = ["uncaughtException", "unhandledRejection", "error"];
  const all = () =>
    emitters.flatMap((emitter) =>
      names.flatMap((name) =>
        emitter.listeners(name).map((listener) => ({ emitter, name, listener })),
      ),
    );
  const before = new Set(all().map(({ listener }) => listener));
  try {
    return await main(argv);
  } finally {
    for (const { emitter, name, listener } of all())
      if (!before.has(listener)) emitter.off(name, listener as () => void);
  }
}
