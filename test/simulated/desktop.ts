/** The desktop of the simulated guest, as systemctl and logind tell of it. */
import type { SabotageName } from "./sabotages.ts";

/** What of the system it sees. */
export interface DesktopSystem {
  readonly world: { readonly desktop: string | null };
  is(name: SabotageName): boolean;
}

/** What it starts by default. */
export const defaultTarget = ({ world }: DesktopSystem): string =>
  world.desktop === null ? "multi-user.target" : "graphical.target";

/** A block of `systemctl show` for the display manager, by its alias. */
function manager(system: DesktopSystem): string {
  const { desktop } = system.world;
  if (desktop === null)
    return "Id=display-manager.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\nNRestarts=0\n";
  const [active, sub, result] = system.is("display-manager-dies")
    ? ["failed", "failed", "exit-code"]
    : ["active", "running", "success"];
  const restarts = system.is("display-manager-loops") ? 7 : 0;
  return `Id=${desktop}\nLoadState=loaded\nActiveState=${active}\nSubState=${sub}\nResult=${result}\nNRestarts=${restarts}\n`;
}

/** Blocks for what of it is asked for; null where nothing is. */
export function desktopShown(args: readonly string[], system: DesktopSystem): string | null {
  const isReached = system.world.desktop !== null && !system.is("graphical-missed");
  const blocks = args.flatMap((word) => {
    if (word === "display-manager.service") return [manager(system)];
    if (word !== "graphical.target") return [];
    return [`Id=${word}\nLoadState=loaded\nActiveState=${isReached ? "active" : "inactive"}\n`];
  });
  return blocks.length === 0 ? null : blocks.join("\n");
}

/** Who sits at the first seat: the greeter of the display manager. */
export const greeter =
  "Id=c1\nName=greeter\nSeat=seat0\nType=wayland\nClass=greeter\nState=online\n\n";
