/**
 * One HTTPS request, redirects followed, that ends when the server falls silent; and the rule for what is tried again. Who
 * is to blame for an answer stands here: a name that is wrong is the caller's, a server or network in trouble the host's.
 */
import { get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { HostUnfit, messageOf, UsageError } from "../../harness/base/errors.ts";
import { formatDuration } from "../../harness/base/units.ts";

export interface RemoteOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Longest silence of a server, milliseconds. Default one minute. */
  readonly stallMs?: number;
  /** First pause before a request is made again, milliseconds; it doubles. Default one second. */
  readonly pauseMs?: number;
  /** Certificate authority besides the system's; NODE_EXTRA_CA_CERTS does it for a whole process. */
  readonly ca?: string;
}

export interface Request extends RemoteOptions {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether a redirect may leave TLS: where a checksum is known that does not come the same way. */
  readonly mayLeaveTls: boolean;
}

const maxRedirects = 10;
/** Requests in a row that brought nothing. */
const maxFailures = 5;
const maxPauseMs = 120_000;
const redirects = [301, 302, 303, 307, 308];
/** Answers of a server in trouble (RFC 9110, 15; RFC 6585, 4), or of a network before it (Cloudflare's 520 to 530). */
const mayPass = (status: number): boolean =>
  [408, 425, 429, 500, 502, 503, 504].includes(status) || (status >= 520 && status <= 530);

/** How messages and reports call a URL: a query may hold a secret. */
export const shown = (url: URL): string => `${url.origin}${url.pathname}`;

/** The URL, or null where the text is not one. */
export const parseUrl = (text: string, base?: URL): URL | null =>
  URL.canParse(text, base?.href) ? new URL(text, base) : null;

/** Trouble that may pass. `retryAfterMs` is what the server asked for. */
export class PassingTrouble extends Error {
  readonly retryAfterMs: number | null;
  constructor(reason: string, retryAfterMs: number | null = null) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The answer, of status 200, 206 or 416. Throws PassingTrouble for what may be tried again. */
export async function request(options: Request): Promise<IncomingMessage> {
  let { url } = options;
  for (let count = 0; count <= maxRedirects; count++) {
    const response = await answer(url, options);
    const status = response.statusCode ?? 0;
    if ([200, 206, 416].includes(status)) return response;
    response.destroy();
    const { location } = response.headers;
    if (!redirects.includes(status) || location === undefined) throw refusal(options.url, response);
    const next = parseUrl(location, url);
    const isTls = next?.protocol === "https:";
    if (next === null || !(isTls || (options.mayLeaveTls && next.protocol === "http:"))) {
      throw new UsageError(`'${shown(options.url)}' is redirected to what is not HTTPS.`, {
        details: { "redirected to": location.slice(0, 200) },
      });
    }
    url = next;
  }
  throw new UsageError(`'${shown(options.url)}' is redirected more than ${maxRedirects} times.`);
}

function answer(url: URL, options: Request): Promise<IncomingMessage> {
  const { signal, stallMs = 60_000, headers, ca } = options;
  return new Promise((resolve, reject) => {
    const get = url.protocol === "https:" ? httpsGet : httpGet;
    const sent = get(url, {
      signal,
      headers: { "user-agent": "bootgate", "accept-encoding": "identity", ...headers },
      ...(ca === undefined ? {} : { ca }),
    });
    let response: IncomingMessage | null = null;
    // Of the socket: silence before the answer, and in the middle of it.
    sent.setTimeout(stallMs, () =>
      (response ?? sent).destroy(new PassingTrouble(`nothing came for ${formatDuration(stallMs)}`)),
    );
    sent.on("response", (message) => {
      response = message;
      resolve(message);
    });
    sent.on("error", (error) => {
      if (signal.aborted) reject(signal.reason);
      else reject(error instanceof PassingTrouble ? error : troubleOf(error));
    });
  });
}

/**
 * A certificate that is not trusted does not become so; a name that no server has may be a network that is down. The blame
 * is that of a registry's certificate (skopeo-fault-rows.ts).
 */
function troubleOf(error: Error): Error {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (/^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) {
    return new HostUnfit(`The server's certificate is not valid now: ${error.message}.`, {
      details: {
        "to do": "see whether this host's clock is right, else the server's owner has to renew it",
      },
    });
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code)) {
    return new UsageError(`The server's certificate is not trusted: ${error.message}.`, {
      details: {
        "to do":
          "set NODE_EXTRA_CA_CERTS to the file of its authority; --cert-dir is for registries alone",
      },
    });
  }
  return new PassingTrouble(messageOf(error));
}

function refusal(url: URL, { statusCode = 0, headers }: IncomingMessage): Error {
  if (mayPass(statusCode)) {
    return new PassingTrouble(statusWords(statusCode), retryAfter(headers["retry-after"]));
  }
  const details = { answer: `HTTP ${statusCode}` };
  if (statusCode === 404 || statusCode === 410) {
    return new UsageError(`There is nothing at '${shown(url)}'.`, { details });
  }
  if (statusCode === 401 || statusCode === 403) {
    return new UsageError(`The server does not let everybody have '${shown(url)}'.`, { details });
  }
  return new HostUnfit(`The server does not give '${shown(url)}'.`, { details });
}

const statusWords = (status: number): string =>
  status === 429
    ? "the server says that it was asked too often (HTTP 429)"
    : `the server is in trouble (HTTP ${status})`;

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

/**
 * Does `once` until it succeeds or has failed five times in a row without getting on. `once` says how far it has come by
 * `progress`. Throws HostUnfit with the last reason.
 */
export async function persist<T>(
  url: URL,
  options: RemoteOptions,
  once: () => Promise<T>,
  progress: () => number,
): Promise<T> {
  const { signal, onProgress, pauseMs = 1000 } = options;
  let failures = 0;
  for (;;) {
    const before = progress();
    try {
      return await once();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PassingTrouble)) throw error;
      failures = progress() > before ? 1 : failures + 1;
      const pause = error.retryAfterMs ?? pauseMs * 2 ** (failures - 1);
      if (failures >= maxFailures || pause > maxPauseMs) {
        const asked = error.retryAfterMs === null ? undefined : formatDuration(error.retryAfterMs);
        throw new HostUnfit(`'${shown(url)}' cannot be downloaded: ${error.message}.`, {
          cause: error,
          details: { tried: `${failures} times in a row`, "come back": asked },
        });
      }
      onProgress(`'${shown(url)}': ${error.message}; trying again in ${formatDuration(pause)}.`);
      await delay(pause, undefined, { signal });
    }
  }
}
