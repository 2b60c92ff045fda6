/** An emulated PC for a person to try boards with: `tsx test/boards/run-emulated-pc.ts FOLDER [none]`; it stays until Ctrl-C. */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { startEmulatedPc } from "./emulated-pc.ts";

const [folder = "emulated-pc", network] = process.argv.slice(2);
const path = resolve(folder);
await mkdir(path, { recursive: true });
await using pc = await startEmulatedPc({
  folder: path,
  network: network === "none" ? "none" : "fixed",
});
process.stdout.write(`--machine board:emulated-pc --boards ${pc.boardsPath}\n`);
await new Promise((end) => {
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
});
