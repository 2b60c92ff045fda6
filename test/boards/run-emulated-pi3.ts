/** An emulated Raspberry Pi 3 for a person to try boards with, and a card image for it: `tsx test/boards/run-emulated-pi3.ts FOLDER`; it stays until Ctrl-C. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startEmulatedPi3 } from "./emulated-pi3.ts";
import { makePiCard } from "./pi-card.ts";
import { providePiParts } from "./pi-parts.ts";

const [folder = "emulated-pi3"] = process.argv.slice(2);
const path = resolve(folder);
await mkdir(path, { recursive: true });
const image = join(path, "image.raw");
await makePiCard({ parts: await providePiParts(), path: image, hasLinux: true });
await using pi = await startEmulatedPi3({ folder: path });
process.stdout.write(
  `--candidate ${image} --machine board:emulated-pi3 --boards ${pi.boardsPath}\n`,
);
await new Promise((end) => {
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
});
