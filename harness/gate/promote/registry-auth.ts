/**
 * How registries want to know who asks: HTTP's Basic scheme, or a token that another server gives for it
 * (distribution's docs/spec/auth/token.md). Learnt from the registry's first "401", kept for the later requests.
 */
import { z } from "zod";
import type { Send } from "./send.ts";

const tokenAnswer = z.object({ token: z.string().optional(), access_token: z.string().optional() });

export interface Authorizer {
  headers(): Record<string, string>;
  /** Reads a 401; true when there is now something better to send. */
  learn(response: Response, signal: AbortSignal): Promise<boolean>;
}

export function createAuthorizer(options: {
  readonly repository: string;
  readonly plainHttp: boolean;
  /** `user:password` in base64, or null. */
  readonly credentials: () => Promise<string | null>;
  readonly send: () => Promise<Send>;
}): Authorizer {
  let authorization: string | null = null;
  return {
    headers: () => (authorization === null ? {} : { authorization }),
    async learn(response, signal) {
      const challenge = response.headers.get("www-authenticate") ?? "";
      const credentials = await options.credentials();
      const next = /^bearer /i.test(challenge)
        ? await fetchToken(challenge, credentials, options, signal)
        : /^basic/i.test(challenge) && credentials !== null
          ? `Basic ${credentials}`
          : null;
      const isNew = next !== null && next !== authorization;
      authorization = next ?? authorization;
      return isNew;
    },
  };
}

async function fetchToken(
  challenge: string,
  credentials: string | null,
  asked: {
    readonly repository: string;
    readonly plainHttp: boolean;
    readonly send: () => Promise<Send>;
  },
  signal: AbortSignal,
): Promise<string | null> {
  const { repository, plainHttp } = asked;
  const said = new Map(
    [...challenge.slice(0, 4000).matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [
      key.toLowerCase(),
      value,
    ]),
  );
  const realm = safeUrl(said.get("realm"));
  // A password is not sent in the clear because a registry says so.
  if (realm === null || (realm.protocol !== "https:" && !plainHttp)) return null;
  const service = said.get("service");
  if (service !== undefined) realm.searchParams.set("service", service);
  realm.searchParams.set("scope", `repository:${repository}:pull,push`);
  const headers: Record<string, string> =
    credentials === null ? {} : { authorization: `Basic ${credentials}` };
  const send = await asked.send();
  const response = await send(realm, { headers, signal });
  if (!response.ok) {
    await response.body?.cancel();
    return null;
  }
  const answer = tokenAnswer.safeParse(await response.json());
  const token = answer.data?.token ?? answer.data?.access_token;
  return token === undefined ? null : `Bearer ${token}`;
}

function safeUrl(text: string | undefined): URL | null {
  return text !== undefined && URL.canParse(text) ? new URL(text) : null;
}
