/**
 * HTTP requests with certificates that a person names: `fetch` cannot be given any in Node 20, so these go through
 * `node:https` and come back as the `Response` that fetch gives. Without certificates it is fetch itself.
 */
import { request as overHttps } from "node:https";
import { Readable } from "node:stream";
import { rootCertificates } from "node:tls";
import type { Trust } from "./trust.ts";

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
}

/** One request. Rejects where no answer comes. */
export type Send = (url: URL, sent: Sent) => Promise<Response>;

const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];
const withoutBody = [204, 205, 304];

/** How requests are sent with these certificates; null: with the system's own. */
export const createSend = (trust: Trust | null): Send =>
  trust === null ? (url, sent) => fetch(url, sent) : (url, sent) => follow(url, sent, trust);

/** As fetch does: what is read may be elsewhere, and another server does not see what this one knows us by. */
async function follow(start: URL, sent: Sent, trust: Trust): Promise<Response> {
  let [url, headers] = [start, sent.headers ?? {}];
  for (let count = 0; ; count++) {
    if (url.protocol !== "https:") return fetch(url, { ...sent, headers });
    const response = await once(url, { ...sent, headers }, trust);
    const location = response.headers.get("location") ?? "";
    const isRead = ["GET", "HEAD"].includes(sent.method ?? "GET");
    if (!isRead || !redirects.includes(response.status) || !URL.canParse(location, url.href))
      return response;
    await response.body?.cancel();
    if (count === maxRedirects) throw new Error(`more than ${maxRedirects} redirects`);
    const next = new URL(location, url);
    if (next.protocol !== "https:") throw new Error("a redirect away from TLS");
    if (next.origin !== url.origin)
      headers = Object.fromEntries(
        Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"),
      );
    url = next;
  }
}

function once(url: URL, { method = "GET", headers = {}, body, signal }: Sent, trust: Trust) {
  const { authorities, client } = trust;
  return new Promise<Response>((resolve, reject) => {
    const sending = overHttps(
      url,
      {
        method,
        signal,
        headers: { ...headers, ...(body === undefined ? {} : { "content-length": body.length }) },
        ca: [...rootCertificates, ...authorities],
        ...(client === null ? {} : { cert: client.certificate, key: client.key }),
        // An agent keeps connections, and with them this process, open.
        agent: false,
      },
      (answer) => {
        const status = answer.statusCode ?? 0;
        const fields = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        );
        const isEmpty = method === "HEAD" || withoutBody.includes(status);
        if (isEmpty) answer.resume();
        const stream = isEmpty ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>);
        const response = new Response(stream, { status, headers: fields });
        // A Response that is made does not have a URL, and uploads are told relative to theirs.
        resolve(Object.defineProperty(response, "url", { value: url.href }));
      },
    );
    sending.on("error", reject);
    sending.end(body);
  });
}
