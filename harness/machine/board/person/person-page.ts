/**
 * A person with a phone: one page on the local network that shows what is to be done, with two buttons. Its address has a secret word;
 * without it nothing is told and nothing can be done. Nothing comes from elsewhere. The page asks every few seconds what is open and loads again
 * only where that is another question, so that none is changed under a finger; without scripts it loads again each time.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { HostUnfit, messageOf } from "../../../base/errors.ts";
import type { Answer, AskWay } from "./ask-person.ts";
import type { Act } from "./person.ts";

export interface PageOptions {
  /** The interface to listen on: `127.0.0.1`, or `0.0.0.0` for the local network. */
  readonly host: string;
  /** 0: as the kernel chooses. */
  readonly port: number;
}

/** The page, and the way to a person that it is. Disposing ends it with its connections. */
export interface PersonPage extends AskWay, AsyncDisposable {
  /** With the secret word: for the terminal, never for a log. */
  readonly url: string;
}

const maxBodyBytes = 1024;
const style =
  "body{font:20px/1.4 sans-serif;margin:1.5em;max-width:34em}h1{font-size:1.4em}button{font:inherit;padding:.8em 1.4em;margin:.4em .8em .4em 0}.place{color:#555}h1,p{overflow-wrap:anywhere}";
const lookSeconds = 3;
const script = `setInterval(async()=>{const away=document.getElementById("away");try{const answer=await fetch("open",{cache:"no-store"});away.hidden=answer.ok;if(answer.ok&&await answer.text()!==document.body.dataset.open)location.reload()}catch{away.hidden=false}},${lookSeconds * 1000})`;
const hashOf = (text: string): string =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const headers: Readonly<Record<string, string>> = {
  "content-security-policy": `default-src 'none'; style-src ${hashOf(style)}; script-src ${hashOf(script)}; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  // The address is the key: it must not travel on with a link, nor stay in a shared cache.
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

interface Open {
  /** Of this question: a page that was loaded before cannot answer another one. */
  readonly id: string;
  readonly act: Act;
  readonly answer: (answer: Answer) => void;
}

/** Opens the page. Throws HostUnfit where the port cannot be had. */
export async function openPersonPage({ host, port }: PageOptions): Promise<PersonPage> {
  const word = randomBytes(16).toString("hex");
  let open: Open | null = null;
  const server = createServer((request, response) => {
    serve(request, response, { word, open }).catch(() => response.destroy());
  });
  server.maxConnections = 32;
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  await listen(server, host, port);
  const actual = (server.address() as AddressInfo).port;
  return {
    url: `http://${reachable(host)}:${actual}/${word}/`,
    show(act, answer) {
      const mine: Open = { id: randomBytes(8).toString("hex"), act, answer };
      open = mine;
      return () => {
        if (open === mine) open = null;
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new HostUnfit(
          `The page for a person cannot be opened at ${host}:${port}: ${messageOf(cause)}.`,
          {
            cause,
          },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
}

/** The first address by which others reach this host, where all are listened on. */
function reachable(host: string): string {
  if (host !== "0.0.0.0") return host;
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}

interface Scene {
  readonly word: string;
  readonly open: Open | null;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { word, open }: Scene,
): Promise<void> {
  const [, given = "", rest = ""] = /^\/([^/?#]*)\/([^?#]*)$/.exec(request.url ?? "") ?? [];
  const end = (status: number, body: string, more: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, { ...headers, "content-type": "text/html; charset=utf-8", ...more });
    response.end(body);
  };
  if (!isSame(given, word)) return end(404, "Not found.");
  if (request.method === "GET" && rest === "") return end(200, page(open));
  if (request.method === "GET" && rest === "open")
    return end(200, open?.id ?? "", { "content-type": "text/plain; charset=utf-8" });
  if (request.method !== "POST" || rest !== "answer") return end(404, "Not found.");
  const body = await readBody(request);
  if (body === null) return end(413, "Too large.", { connection: "close" });
  const fields = new URLSearchParams(body);
  const answer = fields.get("answer");
  if (open === null || fields.get("act") !== open.id || (answer !== "done" && answer !== "skip"))
    return end(409, page(open, "That question is over."));
  open.answer(answer);
  return end(303, "", { location: `/${word}/` });
}

/** In a time that does not tell how much of it was right. */
function isSame(given: string, word: string): boolean {
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(word));
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const named: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const asText = (text: string): string => text.replace(/[&<>"']/g, (sign) => named[sign] ?? "");

function page(open: Open | null, note = ""): string {
  const body =
    open === null
      ? `<h1>Nothing to do.</h1><p>This page looks again every ${lookSeconds} seconds.</p>`
      : question(open);
  const said = note === "" ? "" : `<p role="status">${asText(note)}</p>`;
  const away = `<p id="away" role="alert" hidden>bootgate does not answer. The run may have ended.</p>`;
  const title = open === null ? "bootgate" : "To do: bootgate";
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><noscript><meta http-equiv="refresh" content="${lookSeconds}"></noscript><title>${title}</title><style>${style}</style>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body data-open="${open?.id ?? ""}"><main>${said}${away}${body}</main><script>${script}</script></body></html>`;
}

const question = ({ id, act }: Open): string =>
  `<h1>${asText(act.what)}</h1><p class="place">Board ${asText(act.board)}${act.place === undefined ? "" : `, ${asText(act.place)}`}</p><form method="post" action="answer"><input type="hidden" name="act" value="${id}"><button name="answer" value="done">Done</button><button name="answer" value="skip">Skip</button></form>`;
