/**
 * Serves a kickstart over HTTP, as people's own servers do: `inst.ks=http://…`. It listens on this host's loopback alone;
 * the installer's machine forwards one address of its network to it.
 */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { HostUnfit, messageOf } from "../../base/errors.ts";
import type { GuestForward } from "../../machine/machine.ts";

/** Beside the address of the registry, in QEMU's own network. */
const address = { guestAddress: "10.0.2.101", guestPort: 80 } as const;
/** A kickstart may hold a passphrase, and all accounts of this host reach the loopback: nobody guesses this. */
const path = `/${randomBytes(16).toString("hex")}/ks.cfg`;

/** How an installer's boot option names the kickstart that is served. */
export const kickstartUrl = `http://${address.guestAddress}${path}`;

export interface KickstartService extends AsyncDisposable {
  readonly forward: GuestForward;
  /** How often the kickstart was fetched. */
  readonly fetched: number;
}

/** Begins to serve. Throws HostUnfit where no port can be had. */
export async function serveKickstart(text: string): Promise<KickstartService> {
  let fetched = 0;
  const server = createServer((request, response) => {
    if (request.url !== path || !["GET", "HEAD"].includes(request.method ?? "")) {
      response.writeHead(404).end();
      return;
    }
    if (request.method === "GET") fetched++;
    response.writeHead(200, { "content-type": "text/plain" });
    response.end(request.method === "GET" ? text : undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new HostUnfit(`The kickstart cannot be served: ${messageOf(cause)}.`, { cause })),
    );
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    forward: { ...address, hostPort: port },
    get fetched() {
      return fetched;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
