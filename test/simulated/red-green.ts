/**
 * Health checks of greenboot in the simulated guest, as both dialects have them: what arms the way back at the shutdown before an update,
 * what a red boot does (fedora-iot/greenboot 0.15, `redboot-auto-reboot`; greenboot-rs 0.16.4, `src/main.rs`), and what a
 * person is told.
 */
import { greenbootUnits, maxAttempts } from "./greenboot-files.ts";
import type { SimulatedGrub } from "./grub-config.ts";
import type { SabotageName } from "./sabotages.ts";
import type { SimulatedGreenboot } from "./world-options.ts";

interface Checked {
  readonly checksum: string;
  readonly image: { readonly files?: Readonly<Record<string, string>> };
  readonly etc: Map<string, string>;
}

/** What of the system it sees. */
export interface GreenbootSystem<One extends Checked = Checked> {
  readonly world: { readonly greenboot: SimulatedGreenboot | null };
  readonly bootLoader: { readonly grub: SimulatedGrub };
  readonly booted: One;
  readonly bootId: string;
  readonly files: Map<string, string>;
  deployments: One[];
  is(name: SabotageName): boolean;
  log(unit: string, text: string): void;
}

const next = "greenboot_next_deployment_id";
const healthUnit = "greenboot-healthcheck.service";
const checks = "/usr/lib/greenboot/check";

interface Health {
  /** `active`: green. */
  readonly state: "active" | "failed";
  /** The boot ends itself. */
  readonly isLeaving: boolean;
}

const healths = new WeakMap<object, Health>();
/** Systems that left a deployment by a rollback in the boot before: their journal has it. */
const rolledBack = new WeakSet<object>();

/** Whether the boot that has just begun restarts the machine. */
export const isLeaving = (system: object): boolean => healths.get(system)?.isLeaving === true;

const editor =
  ({ bootLoader: { grub } }: GreenbootSystem) =>
  (verb: "set" | "unset", ...words: string[]): void =>
    void grub.editEnvironment(["grubenv", verb, ...words]);

function makeDefault<One extends Checked>(system: GreenbootSystem<One>, first: One): void {
  system.deployments = [first, ...system.deployments.filter((one) => one !== first)];
}

/** An update was finalised. */
export function armWayBack(system: GreenbootSystem, { checksum }: Checked): void {
  const edit = editor(system);
  const { greenboot } = system.world;
  if (system.is("way-back-unarmed")) return;
  const more = system.is("red-lasts") ? 1 : 0;
  if (greenboot === "bash") edit("set", `boot_counter=${maxAttempts + more}`, "boot_success=0");
  if (greenboot === "rust") edit("set", `${next}=${checksum}`, "fallback=1");
}

/** All of it, at a boot. */
export function checkHealth<One extends Checked>(system: GreenbootSystem<One>): void {
  const { greenboot } = system.world;
  if (greenboot === null) return;
  const isFallback = greenboot === "bash" ? seesCounter(system) : seesOther(system);
  const isGreen = runChecks(system);
  const isLeavingNow = isGreen ? turnGreen(system) : turnRed(system);
  healths.set(system, { state: isGreen ? "active" : "failed", isLeaving: isLeavingNow });
  tell(system, isGreen, isFallback && !system.is("fallback-untold"));
  const other = system.deployments.find((one) => one !== system.booted);
  if (isFallback && system.is("fallback-passes") && other !== undefined) makeDefault(system, other);
}

/** 0.15: GRUB has started the older entry. */
function seesCounter<One extends Checked>(system: GreenbootSystem<One>): boolean {
  if (system.bootLoader.grub.told("boot_counter") !== "-1") return false;
  makeDefault(system, system.booted);
  editor(system)("unset", "boot_counter");
  return true;
}

/** 0.16: the journal of the boot before has a rollback, or another deployment runs than was to. */
function seesOther<One extends Checked>(system: GreenbootSystem<One>): boolean {
  const { grub } = system.bootLoader;
  const edit = editor(system);
  const before = rolledBack.delete(system);
  const awaited = grub.told(next);
  const isOther = awaited !== undefined && awaited !== system.booted.checksum;
  if (isOther) {
    makeDefault(system, system.booted);
    edit("unset", next);
  }
  edit("unset", "fallback");
  return before || isOther;
}

function runChecks(system: GreenbootSystem): boolean {
  const run = (kind: "required" | "wanted"): boolean =>
    Object.entries(system.booted.image.files ?? {})
      .filter(([path]) => path.startsWith(`${checks}/${kind}.d/`))
      .map(([path, text]) => runCheck(system, path, text))
      .every((isGood) => isGood);
  const isRequiredGood = run("required");
  if (!isRequiredGood && system.world.greenboot === "rust") return false;
  const isWantedGood = run("wanted");
  return isRequiredGood && (isWantedGood || !system.is("wanted-counts"));
}

function runCheck(system: GreenbootSystem, path: string, text: string): boolean {
  const [, count] = />> (\S+)/.exec(text) ?? [];
  if (count !== undefined)
    system.files.set(count, `${system.files.get(count) ?? ""}${system.bootId}\n`);
  const isGood = /^exit 0$/m.test(text);
  system.log(healthUnit, `Script '${path}' ${isGood ? "SUCCESS" : "FAILURE (exit code '1')"}`);
  return isGood;
}

function turnGreen(system: GreenbootSystem): false {
  const edit = editor(system);
  if (!system.is("success-untold")) edit("set", "boot_success=1");
  if (!system.is("counter-stays")) edit("unset", "boot_counter");
  edit("unset", next);
  return false;
}

/** Whether the machine is restarted. */
function turnRed<One extends Checked>(system: GreenbootSystem<One>): boolean {
  const { grub } = system.bootLoader;
  const edit = editor(system);
  const counter = grub.told("boot_counter");
  edit("set", "boot_success=0");
  if (system.is("red-stays")) return false;
  if (system.world.greenboot === "bash") return counter !== undefined && counter !== "-1";
  if (counter === undefined) {
    edit("set", `boot_counter=${maxAttempts + (system.is("red-lasts") ? 1 : 0)}`);
    return true;
  }
  if (Number(counter) > 0) return true;
  const other = system.deployments.find((one) => one !== system.booted);
  if (grub.told(next) === undefined || other === undefined) return false;
  makeDefault(system, other);
  edit("unset", "boot_counter", next);
  rolledBack.add(system);
  return true;
}

function tell(system: GreenbootSystem, isGreen: boolean, isFallback: boolean): void {
  const { greenboot } = system.world;
  const [path, words] =
    greenboot === "bash"
      ? ([
          "/run/motd.d/boot-status",
          ["Boot Status is GREEN - Health Check SUCCESS", "rpm-ostree"],
        ] as const)
      : ([
          "motd.d/boot-status",
          ["Greenboot healthcheck passed - status is GREEN.", "bootc"],
        ] as const);
  const [green, manager] = words;
  const fallback = `FALLBACK BOOT DETECTED! Default ${manager} deployment has been rolled back.\n`;
  const status = isGreen ? green : green.replace("GREEN", "RED");
  const text = `${isFallback ? fallback : ""}${system.is("green-untold") ? "" : status}\n`;
  if (greenboot === "bash") system.files.set(path, text);
  else system.booted.etc.set(path, text);
  system.log(healthUnit, isGreen ? "greenboot health-check passed." : "Greenboot error");
}

/** Blocks of `systemctl show` for units of greenboot; null where none is asked for. */
export function greenbootShown(args: readonly string[], system: GreenbootSystem): string | null {
  const asked = args.filter((word) => /^(?:green|red)boot-.*\.service$/.test(word));
  if (asked.length === 0) return null;
  const { greenboot } = system.world;
  const known = greenboot === null ? null : greenbootUnits[greenboot];
  const there: readonly string[] = known === null ? [] : [known.arming, ...known.others];
  const blocks = asked.map((unit) => {
    if (!there.includes(unit)) return `Id=${unit}\nLoadState=not-found\nUnitFileState=\n`;
    const isIdle = unit === known?.arming && system.is("way-back-unarmed");
    const state = unit === healthUnit ? (healths.get(system)?.state ?? "inactive") : "inactive";
    const result = state === "failed" ? "exit-code" : "success";
    return `Id=${unit}\nLoadState=loaded\nUnitFileState=${isIdle ? "disabled" : "enabled"}\nActiveState=${state}\nResult=${result}\n`;
  });
  return blocks.join("\n");
}
