/** Opens the memory of guests until it is killed; says for each `given`, or why not. Arguments: MiB of each guest. */
import { openGuestMemory } from "../../../harness/machine/qemu/guest-memory.ts";

const held = [];
for (const memoryMiB of process.argv.slice(2).map(Number)) {
  const memory = await openGuestMemory({ forkedMemory: null, memoryMiB });
  held.push(memory);
  process.stdout.write(`${memory.lack ?? "given"}\n`);
}
setInterval(() => held.length, 60_000);
