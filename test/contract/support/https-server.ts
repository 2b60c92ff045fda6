// A real HTTPS server on a loopback port, with a certificate of its own, whose answers a test scripts.
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { runCommand } from "../../../harness/base/process.ts";

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestServer extends AsyncDisposable {
  /** `https://localhost:PORT`. */
  readonly origin: string;
  /** The authority to trust. */
  readonly ca: string;
  /** Of each request so far: its path, and its range where it asked for one. */
  readonly asked: readonly string[];
}

/** Serves until it is disposed, open connections included. With a certificate that `hasExpired` nobody can trust it. */
export async function serve(
  folder: string,
  answer: Answer,
  hasExpired = false,
): Promise<TestServer> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const whole = [...kind, ...subject, "-keyout", key, "-out", cert];
  await runCommand("openssl", [
    "req",
    ...(hasExpired ? ["-new"] : ["-x509", "-days", "2"]),
    ...whole,
  ]);
  const again = ["-req", "-in", cert, "-copy_extensions", "copyall", "-signkey", key, "-out", cert];
  if (hasExpired) await runCommand("openssl", ["x509", ...again, "-days", "-1"]);
  const ca = await readFile(cert, "utf8");
  const asked: string[] = [];
  const server = createServer({ key: await readFile(key), cert: ca }, (request, response) => {
    const { range } = request.headers;
    asked.push(range === undefined ? `${request.url}` : `${request.url} ${range}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `https://localhost:${port}`,
    ca,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A file as a web server gives it, ranges included; it cuts the connection after `cutAfter` bytes of an answer. */
export function fileAnswer(content: Buffer, cutAfter = Number.POSITIVE_INFINITY): Answer {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? -1);
    const begin = Math.max(0, from);
    if (from >= content.length) {
      response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
      return;
    }
    const range = `bytes ${begin}-${content.length - 1}/${content.length}`;
    response.writeHead(from < 0 ? 200 : 206, {
      "content-length": content.length - begin,
      ...(from < 0 ? {} : { "content-range": range }),
    });
    const end = begin + cutAfter;
    if (end >= content.length) response.end(content.subarray(begin));
    else response.write(content.subarray(begin, end), () => response.destroy());
  };
}
