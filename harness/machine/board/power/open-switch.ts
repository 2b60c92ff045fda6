/** The power switch that `boards.yaml` names: a new kind is a new row. */
import { HostUnfit } from "../../../base/errors.ts";
import type { Board } from "../config.ts";
import type { PowerConfig, PowerConfigOf } from "../config-power.ts";
import type { LabgridPlace } from "../labgrid/client.ts";
import { labgridSwitch } from "../labgrid/power.ts";
import type { Person } from "../person/person.ts";
import { commandSwitch, snmpSwitch, uhubctlSwitch } from "./command-switches.ts";
import { httpSwitch, shellySwitch, tasmotaSwitch } from "./http-switches.ts";
import type { PowerSwitch } from "./power-switch.ts";

export interface SwitchScene {
  readonly board: Board;
  /** The file that the board stands in: paths start from its folder. */
  readonly boardsPath: string;
  /** Who is asked where a person is the switch; null where nobody can be. */
  readonly person: Person | null;
}

type Openers = {
  readonly [By in PowerConfig["by"]]: (
    config: PowerConfigOf<By>,
    scene: SwitchScene,
  ) => PowerSwitch | Promise<PowerSwitch>;
};

const openers: Openers = {
  person: (_, scene) => personSwitch(scene),
  labgrid: (_, { board }) => labgridSwitch(placeOf(board)),
  command: (config) => commandSwitch(config),
  http: (config, { boardsPath }) => httpSwitch(config, boardsPath),
  tasmota: (config, { boardsPath }) => tasmotaSwitch(config, boardsPath),
  shelly: (config, { boardsPath }) => shellySwitch(config, boardsPath),
  uhubctl: (config) => uhubctlSwitch(config),
  snmp: (config, { boardsPath }) => snmpSwitch(config, boardsPath),
};

/** Opens the board's switch; touches nothing. Throws UsageError for files that it names, HostUnfit where nobody can be asked. */
export async function openSwitch(scene: SwitchScene): Promise<PowerSwitch> {
  const { power } = scene.board;
  // Which opener belongs to which kind is what the table's type says; of a union the compiler cannot follow it.
  const open = openers[power.by] as (
    config: PowerConfig,
    scene: SwitchScene,
  ) => PowerSwitch | Promise<PowerSwitch>;
  return open(power, scene);
}

/** The reader of `boards.yaml` sees to it that there is one where a part goes by it. */
function placeOf({ name, labgrid }: Board): LabgridPlace {
  if (labgrid === undefined) throw new TypeError(`Board '${name}' does not have a labgrid place.`);
  return labgrid;
}

/** Somebody at the plug. Nothing reads its state back but the console, which has to be silent. */
function personSwitch({ board, person }: SwitchScene): PowerSwitch {
  const { name, place, limits } = board;
  if (person === null)
    throw new HostUnfit(`Board '${name}' is switched by a person, and nobody can be asked.`, {
      details: { "to do": "run on a terminal" },
    });
  const timeoutMs = limits.personMinutes * 60_000;
  return {
    what: "person at the plug",
    isPerson: true,
    state: null,
    set: (isOn, signal) =>
      person.ask(
        {
          board: name,
          place,
          what: isOn
            ? `Switch board '${name}' on: put its plug in.`
            : `Switch board '${name}' off: pull its plug.`,
          timeoutMs,
        },
        signal,
      ),
  };
}
