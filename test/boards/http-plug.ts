/** A plug as it stands in a lab: a small HTTP server that speaks as Tasmota, Shelly (both generations) or plainly, and can fail as plugs do. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type PlugKind = "tasmota" | "shelly1" | "shelly2" | "plain" | "simplerest";

export interface PlugOptions {
  readonly kind: PlugKind;
  readonly password?: string;
  /** `sticks`: takes each command and stays as it is. `silent`: takes the connection and never answers. `slow`: switches at the third question. */
  readonly fault?: "sticks" | "silent" | "slow" | "answers-nonsense" | "breaks";
  /** Told when power changes. */
  readonly onPower?: (isOn: boolean) => void;
}

/** The server. Disposing ends it with its connections. */
export class HttpPlug implements AsyncDisposable {
  isOn = false;
  /** Paths that were asked for, without their query. */
  readonly asked: string[] = [];
  readonly #options: PlugOptions;
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #wanted = false;
  #questions = 0;

  private constructor(options: PlugOptions) {
    this.#options = options;
  }

  static async start(options: PlugOptions): Promise<HttpPlug> {
    const plug = new HttpPlug(options);
    await new Promise<void>((resolve) => plug.#server.listen(0, "127.0.0.1", resolve));
    return plug;
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://plug");
    this.asked.push(url.pathname);
    const { fault, kind } = this.#options;
    if (fault === "silent") return;
    if (fault === "breaks") return void response.writeHead(503).end("out of memory");
    if (fault === "answers-nonsense") return void response.end("<html>rebooting");
    const refusal = this.#refusal(request, url);
    if (refusal !== null)
      return void response.writeHead(refusal.status, refusal.headers).end(refusal.body);
    const [status, body] = { tasmota, shelly1, shelly2, plain, simplerest }[kind](url, this);
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  }

  /** Does what was asked for, as far as the fault lets it. */
  turn(isOn: boolean): void {
    this.#wanted = isOn;
    this.#questions = 0;
    const { fault } = this.#options;
    if (fault !== "sticks" && fault !== "slow") this.#become(isOn);
  }

  look(): boolean {
    if (this.#options.fault === "slow" && ++this.#questions >= 3) this.#become(this.#wanted);
    return this.isOn;
  }

  #become(isOn: boolean): void {
    if (this.isOn !== isOn) this.#options.onPower?.(isOn);
    this.isOn = isOn;
  }

  #refusal(
    { headers, method }: IncomingMessage,
    url: URL,
  ): { status: number; headers: Record<string, string>; body: string } | null {
    const { password, kind } = this.#options;
    if (password === undefined) return null;
    const { authorization = "" } = headers;
    if (kind === "tasmota") {
      const { searchParams } = url;
      if (searchParams.get("user") === "admin" && searchParams.get("password") === password)
        return null;
      return {
        status: 401,
        headers: {},
        body: JSON.stringify({ WARNING: "Need user=<username>&password=<password>" }),
      };
    }
    if (kind !== "shelly2") {
      const right = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
      if (authorization === right) return null;
      return { status: 401, headers: { "www-authenticate": 'Basic realm="plug"' }, body: "" };
    }
    if (isDigestRight(authorization, password, `${method}`, `${url.pathname}${url.search}`))
      return null;
    const challenge = `Digest qop="auth", realm="${realm}", nonce="${nonce}", algorithm=SHA-256`;
    return { status: 401, headers: { "www-authenticate": challenge }, body: "" };
  }
}

const realm = "shellyplusplugs-000000000000";
const nonce = "65a1b2c3";
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** RFC 7616, 3.4.1. */
function isDigestRight(header: string, password: string, method: string, uri: string): boolean {
  const fields = new Map(
    [...header.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map(([, key = "", inQuotes, bare]) => [
      key,
      inQuotes ?? bare ?? "",
    ]),
  );
  const of = (key: string): string => fields.get(key) ?? "";
  const a1 = sha256(`admin:${realm}:${password}`);
  const a2 = sha256(`${method}:${uri}`);
  const wanted = sha256(`${a1}:${nonce}:${of("nc")}:${of("cnonce")}:auth:${a2}`);
  return of("response") === wanted && of("uri") === uri && of("username") === "admin";
}

type Speaker = (url: URL, plug: HttpPlug) => readonly [number, string];

const tasmota: Speaker = ({ pathname, searchParams, search }, plug) => {
  // Its parser does not take a plus sign for a space.
  const [, command, value] =
    /^(Power1?)(?: (On|Off))?$/i.exec(searchParams.get("cmnd") ?? "") ?? [];
  if (pathname !== "/cm" || search.includes("+") || command === undefined)
    return [200, JSON.stringify({ Command: "Unknown" })];
  if (value !== undefined) plug.turn(value.toLowerCase() === "on");
  const isOn = value === undefined ? plug.look() : plug.isOn;
  return [200, JSON.stringify({ POWER: isOn ? "ON" : "OFF" })];
};

const shelly1: Speaker = ({ pathname, searchParams }, plug) => {
  if (pathname !== "/relay/0") return [404, "Not Found"];
  const turn = searchParams.get("turn");
  if (turn !== null) plug.turn(turn === "on");
  return [200, JSON.stringify({ ison: turn === null ? plug.look() : plug.isOn, has_timer: false })];
};

const shelly2: Speaker = ({ pathname, searchParams }, plug) => {
  if (searchParams.get("id") !== "0")
    return [404, JSON.stringify({ code: -105, message: "Argument 'id', value 9 not found!" })];
  if (pathname === "/rpc/Switch.GetStatus")
    return [200, JSON.stringify({ id: 0, output: plug.look() })];
  if (pathname !== "/rpc/Switch.Set") return [404, "No handler"];
  const before = plug.isOn;
  plug.turn(searchParams.get("on") === "true");
  return [200, JSON.stringify({ was_on: before })];
};

/** As labgrid's `simplerest` asks: `/0/1` for on, `/0/0` for off, `/0` for what it is. */
const simplerest: Speaker = ({ pathname }, plug) => {
  const [, , value = ""] = pathname.split("/");
  if (value !== "") plug.turn(value === "1");
  return [200, plug.look() ? "1" : "0"];
};

const plain: Speaker = ({ pathname }, plug) => {
  if (pathname === "/on" || pathname === "/off") plug.turn(pathname === "/on");
  return [200, `outlet=${plug.look() ? 1 : 0}`];
};
