/**
 * HTTP as plugs speak it: one small request, and a login after the plug has asked for it (Basic, RFC 7617; Digest, RFC 7616, which
 * Shelly's second generation wants with SHA-256). Node's `fetch` knows neither, and keeps connections that small servers do not like.
 */
import { createHash, randomBytes } from "node:crypto";
import { type IncomingHttpHeaders, request as plain } from "node:http";
import { request as secure } from "node:https";
import { HostUnfit, MachineFault, messageOf, quoting } from "../../../base/errors.ts";

/** Who we are to a plug. The password is never in a message: it is only ever hashed, encoded or sent. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface PlugRequest {
  readonly url: URL;
  readonly method?: "GET" | "POST" | "PUT";
  readonly login?: Login | undefined;
  /** For messages, after "the". */
  readonly what: string;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A plug's whole status is some kilobytes. */
const maxBodyBytes = 64 * 1024;

/**
 * The body of a good answer. Throws HostUnfit where the plug refuses the login, and MachineFault where it does not answer, or
 * answers something else than 2xx. No message has the address's query or a header.
 */
export async function askPlug(asked: PlugRequest, signal: AbortSignal): Promise<string> {
  const { login, what, method = "GET" } = asked;
  let answer = await send(asked, {}, signal);
  if (answer.status === 401 && login !== undefined) {
    const authorization = authorize(answer.headers["www-authenticate"] ?? "", login, {
      method,
      uri: pathOf(asked.url),
    });
    if (authorization !== null) answer = await send(asked, { authorization }, signal);
  }
  const { status, body } = answer;
  if (status === 401 || status === 403)
    throw new HostUnfit(`The ${what} refuses the login (HTTP ${status}).`, {
      details: {
        "to do":
          login === undefined
            ? "give 'user' and 'passwordFile' in boards.yaml"
            : "see whether the user and the password in boards.yaml are right",
      },
    });
  if (status < 200 || status > 299)
    throw new MachineFault(`The ${what} answers HTTP ${status}.`, {
      details: { said: printable(body) || undefined },
    });
  return body;
}

/** The parsed body. Throws MachineFault where it is not JSON. */
export async function askPlugJson(asked: PlugRequest, signal: AbortSignal): Promise<unknown> {
  const body = await askPlug(asked, signal);
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new MachineFault(quoting`The ${asked.what} answers ${quoted(body)}, which is not JSON.`, {
      cause,
    });
  }
}

/** What a plug said, short and on one line, for a message. */
export const quoted = (text: string): string => `'${printable(text)}'`;
const printable = (text: string): string => text.slice(0, 200).replace(/[^\x20-\x7e]+/g, " ");

const pathOf = (url: URL): string => `${url.pathname}${url.search}`;

function send(
  { url, method = "GET", what }: PlugRequest,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    const fail = (cause: unknown): void => {
      if (signal.aborted) reject(signal.reason);
      else
        reject(
          new MachineFault(`The ${what} does not answer: ${messageOf(cause)}.`, {
            cause,
            details: { "to do": "see whether it has power and a network" },
          }),
        );
    };
    const all = { connection: "close", ...(method === "GET" ? {} : { "content-length": "0" }) };
    const start = url.protocol === "https:" ? secure : plain;
    const request = start(
      url,
      { method, headers: { ...all, ...headers }, agent: false, signal },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxBodyBytes) chunks.push(chunk);
          else request.destroy(new Error("its answer does not end"));
        });
        response.on("error", fail);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      },
    );
    request.on("error", fail);
    request.end();
  });
}

/** The answer to a challenge, or null where it is one that we do not know. */
function authorize(
  challenge: string,
  { user, password }: Login,
  { method, uri }: { readonly method: string; readonly uri: string },
): string | null {
  if (/^\s*basic\b/i.test(challenge))
    return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  if (!/^\s*digest\b/i.test(challenge)) return null;
  const field = (name: string): string | undefined => {
    const [, inQuotes, bare] =
      new RegExp(`[\\s,]${name}=(?:"([^"]*)"|([^\\s,]+))`, "i").exec(challenge) ?? [];
    return inQuotes ?? bare;
  };
  const named = field("algorithm") ?? "MD5";
  const algorithm = { MD5: "md5", "SHA-256": "sha256" }[named.toUpperCase()];
  const [realm = "", nonce = "", qop] = [field("realm"), field("nonce"), field("qop")];
  const offersAuth = qop?.split(/[\s,]+/).includes("auth") ?? false;
  if (algorithm === undefined || (qop !== undefined && !offersAuth)) return null;
  const hash = (text: string): string => createHash(algorithm).update(text).digest("hex");
  const [count, own] = ["00000001", randomBytes(8).toString("hex")];
  const middle = offersAuth ? `${nonce}:${count}:${own}:auth` : nonce;
  const response = hash(
    `${hash(`${user}:${realm}:${password}`)}:${middle}:${hash(`${method}:${uri}`)}`,
  );
  const opaque = field("opaque");
  const words = [
    `username="${user.replaceAll(/["\\]/g, "\\$&")}"`,
    `realm="${realm}"`,
    `nonce="${nonce}"`,
    `uri="${uri}"`,
    `response="${response}"`,
    `algorithm=${named}`,
    ...(offersAuth ? ["qop=auth", `nc=${count}`, `cnonce="${own}"`] : []),
    ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
  ];
  return `Digest ${words.join(", ")}`;
}
