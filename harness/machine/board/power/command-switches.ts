/**
 * Switches that a program of the host drives: one of the user's own, uhubctl (its README: `-l` hub, `-p` port, `-a` action; a port
 * is told as `Port 2: 0100 power` or `Port 2: 0000 off`), and snmpset and snmpget of net-snmp.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, MachineFault, quoting } from "../../../base/errors.ts";
import { attemptCommand, type CommandOptions } from "../../../base/process.ts";
import { createWorkspace } from "../../../base/workspace.ts";
import type { PowerConfigOf } from "../config-power.ts";
import { quoted } from "./plug-http.ts";
import type { PowerSwitch } from "./power-switch.ts";
import { readSecretFile } from "./secret-file.ts";

/** Runs it to its end and returns what it said. Throws HostUnfit where it is not there, MachineFault where it fails. */
async function run(
  what: string,
  command: readonly string[],
  options: CommandOptions,
): Promise<string> {
  const [file = "", ...args] = command;
  // A program that hangs in a driver does not hear SIGTERM; its time is the caller's.
  const output = await attemptCommand(file, args, { endSignal: "SIGKILL", ...options }).catch(
    (error: unknown) => {
      if (!(error instanceof HostUnfit)) throw error;
      // Its details hold the arguments, in which a password may stand.
      const { headline, lookAt } = error;
      throw new HostUnfit(headline, lookAt === undefined ? {} : { lookAt });
    },
  );
  if (output.exitCode === 0) return output.stdout;
  throw new MachineFault(`The ${what} did not do it: exit code ${output.exitCode}.`, {
    details: {
      // Its arguments may hold a password.
      command: file,
      said: (output.stderr || output.stdout).slice(-500) || undefined,
    },
  });
}

/** Programs of the user's own. */
export function commandSwitch(config: PowerConfigOf<"command">): PowerSwitch {
  const what = `power command '${config.on[0]}'`;
  const { state, cycle } = config;
  return {
    what,
    set: async (isOn, signal) => void (await run(what, isOn ? config.on : config.off, { signal })),
    ...(cycle === undefined
      ? {}
      : { cycle: async (signal) => void (await run(what, cycle, { signal })) }),
    state:
      state === undefined
        ? null
        : async (signal) => {
            const said = (await run(what, state, { signal })).trim();
            if (said === "on" || said === "off") return said === "on";
            throw new MachineFault(
              quoting`The power command '${state[0] ?? ""}' prints ${quoted(said)}; expected 'on' or 'off'.`,
            );
          },
  };
}

/** A port of a hub. */
export function uhubctlSwitch({ location, port }: PowerConfigOf<"uhubctl">): PowerSwitch {
  const what = `USB port ${location}.${port}`;
  const base = ["uhubctl", "-l", location, "-p", String(port)];
  return {
    what,
    set: async (isOn, signal) =>
      void (await run(what, [...base, "-a", isOn ? "on" : "off"], { signal })),
    async state(signal) {
      const said = await run(what, base, { signal });
      const lines = [...said.matchAll(/^\s*Port (\d+): [0-9a-f]{4}\b(.*)$/gm)].filter(
        ([, number]) => Number(number) === port,
      );
      // A hub for USB 2 and 3 is told as two; the port is off when both are.
      if (lines.length > 0) return lines.some(([, , words = ""]) => /\bpower\b/.test(words));
      throw new HostUnfit(`The program uhubctl does not tell of ${what}.`, {
        details: {
          said: said.slice(0, 300) || undefined,
          "to do": "run 'uhubctl' to see which hubs can switch, and whether you may (udev rules)",
        },
      });
    },
  };
}

/** An outlet of a PDU. The community goes in by a file, since arguments of a program can be read by everybody (snmp.conf(5), defCommunity). */
export async function snmpSwitch(
  config: PowerConfigOf<"snmp">,
  boardsPath: string,
): Promise<PowerSwitch> {
  const community = await readSecretFile(config.communityFile, boardsPath);
  const what = `outlet at ${config.host}`;
  const { oid, host } = config;
  const ask = async (words: readonly string[], signal: AbortSignal): Promise<string> => {
    await using folder = await createWorkspace("snmp");
    await writeFile(join(folder.path, "snmp.conf"), `defCommunity ${JSON.stringify(community)}\n`, {
      mode: 0o600,
    });
    const env = { SNMPCONFPATH: folder.path };
    return await run(what, words, { signal, env });
  };
  const version = `-v${config.version}`;
  return {
    what,
    set: async (isOn, signal) =>
      void (await ask(
        ["snmpset", version, "-Oqv", host, oid, "i", String(isOn ? config.on : config.off)],
        signal,
      )),
    async state(signal) {
      const said = (await ask(["snmpget", version, "-Oqve", host, oid], signal)).trim();
      if (said === String(config.on) || said === String(config.off))
        return said === String(config.on);
      throw new MachineFault(
        quoting`The ${what} says ${quoted(said)}; expected ${config.on} for on or ${config.off} for off.`,
      );
    },
  };
}
