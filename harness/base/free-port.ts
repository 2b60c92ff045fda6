/** A port for a service of the harness. Somebody else may take it before it is used, so its user must be ready to ask again. */
import { createServer } from "node:net";
import { MachineFault } from "./errors.ts";

/** A free port of the loopback interface, as the kernel chooses it (ip(7): bind to port 0). */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string")
    throw new MachineFault("The host gave no free port.");
  return address.port;
}
