/**
 * Plugs with a web address. Sources: Tasmota, docs/Commands (`/cm?cmnd=Power<x>%20On`, answers `{"POWER<x>":"ON"}`; without the right
 * login a WARNING with HTTP 401, before 8.2.3 with 200); Shelly, gen1 API (`/relay/0?turn=on`, `ison`) and gen2 RPC (`Switch.Set`,
 * `Switch.GetStatus`: `output`; the user is always `admin`).
 */
import { HostUnfit, MachineFault, quoting } from "../../../base/errors.ts";
import type { PowerConfigOf } from "../config-power.ts";
import { askPlug, askPlugJson, type Login, quoted } from "./plug-http.ts";
import type { PowerSwitch } from "./power-switch.ts";
import { readSecretFile } from "./secret-file.ts";

/** Who both kinds of plug know unless told otherwise. */
const usualUser = "admin";

async function loginOf(
  {
    user = usualUser,
    passwordFile,
  }: { user?: string | undefined; passwordFile?: string | undefined },
  boardsPath: string,
): Promise<Login | undefined> {
  if (passwordFile === undefined) return undefined;
  return { user, password: await readSecretFile(passwordFile, boardsPath) };
}

/** An address for on, one for off, maybe one that tells. */
export async function httpSwitch(
  config: PowerConfigOf<"http">,
  boardsPath: string,
): Promise<PowerSwitch> {
  const login = await loginOf(config, boardsPath);
  const what = `switch at ${new URL(config.on).host}`;
  const { state, method } = config;
  return {
    what,
    async set(isOn, signal) {
      await askPlug({ url: new URL(isOn ? config.on : config.off), method, login, what }, signal);
    },
    state:
      state === undefined
        ? null
        : async (signal) => {
            const body = await askPlug({ url: new URL(state.url), login, what }, signal);
            const [saysOn, saysOff] = [body.includes(state.on), body.includes(state.off)];
            if (saysOn !== saysOff) return saysOn;
            throw new MachineFault(
              quoting`The ${what} answers ${quoted(body)}, which says neither '${state.on}' nor '${state.off}' alone.`,
            );
          },
  };
}

const hostOf = (host: string): string =>
  host.includes(":") && /^[0-9a-f:.]+$/i.test(host) && host.split(":").length > 2
    ? `[${host}]`
    : host;

/** A plug with Tasmota. */
export async function tasmotaSwitch(
  config: PowerConfigOf<"tasmota">,
  boardsPath: string,
): Promise<PowerSwitch> {
  const login = await loginOf(config, boardsPath);
  const what = `plug at ${config.host}`;
  const command = `Power${config.relay ?? ""}`;
  const ask = async (words: string, signal: AbortSignal): Promise<boolean> => {
    const url = new URL(`http://${hostOf(config.host)}/cm`);
    const who = login === undefined ? {} : { user: login.user, password: login.password };
    // Its own parser wants %20, and not the plus sign of a form.
    url.search = new URLSearchParams({ ...who, cmnd: words }).toString().replaceAll("+", "%20");
    const answer = await askPlugJson({ url, login, what }, signal);
    return tasmotaState(answer, what);
  };
  return {
    what,
    set: async (isOn, signal) => void (await ask(`${command} ${isOn ? "On" : "Off"}`, signal)),
    state: (signal) => ask(command, signal),
  };
}

function tasmotaState(answer: unknown, what: string): boolean {
  const fields = Object.entries(fieldsOf(answer));
  const power = fields.find(([key]) => /^POWER\d*$/.test(key))?.[1];
  if (power === "ON" || power === "OFF") return power === "ON";
  if (fields.some(([key]) => key === "WARNING"))
    throw new HostUnfit(`The ${what} refuses the login.`, {
      details: { "to do": "see whether 'user' and 'passwordFile' in boards.yaml are right" },
    });
  throw unexpected(what, answer, "see whether it has Tasmota, and a relay of that number");
}

/** A plug or relay of Shelly. */
export async function shellySwitch(
  config: PowerConfigOf<"shelly">,
  boardsPath: string,
): Promise<PowerSwitch> {
  const login = await loginOf(config, boardsPath);
  const { relay, generation } = config;
  const what = `plug at ${config.host}`;
  const base = `http://${hostOf(config.host)}`;
  const ask = (path: string, signal: AbortSignal): Promise<unknown> =>
    askPlugJson({ url: new URL(path, base), login, what }, signal);
  const paths =
    generation === 1
      ? {
          set: (isOn: boolean) => `/relay/${relay}?turn=${isOn ? "on" : "off"}`,
          state: `/relay/${relay}`,
        }
      : {
          set: (isOn: boolean) => `/rpc/Switch.Set?id=${relay}&on=${isOn}`,
          state: `/rpc/Switch.GetStatus?id=${relay}`,
        };
  return {
    what,
    set: async (isOn, signal) => void (await ask(paths.set(isOn), signal)),
    state: async (signal) => {
      const answer = await ask(paths.state, signal);
      const isOn = fieldsOf(answer)[generation === 1 ? "ison" : "output"];
      if (typeof isOn === "boolean") return isOn;
      throw unexpected(
        what,
        answer,
        "see whether 'generation' and 'relay' in boards.yaml are right",
      );
    },
  };
}

const fieldsOf = (answer: unknown): Readonly<Record<string, unknown>> =>
  typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>) : {};

const unexpected = (what: string, answer: unknown, toDo: string): MachineFault =>
  new MachineFault(
    quoting`The ${what} answers ${quoted(JSON.stringify(answer))}, which does not say whether power is on.`,
    { details: { "to do": toDo } },
  );
