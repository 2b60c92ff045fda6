/** Who sits at the simulated guest, as loginctl, systemctl and the kernel say it: `commands.sessions` and its kin. */
import { type Answer, ok } from "./answer.ts";
import { greeter } from "./desktop.ts";
import type { SimulatedSystem } from "./system.ts";

const session = "Id=1\nName=liveuser\nSeat=seat0\nType=tty\nClass=user\nState=active\n\n";

/** What a script of the harness prints; null for any other. */
export function seatAnswer(script: string, system: SimulatedSystem): Answer | null {
  if (script.startsWith("loginctl list-sessions"))
    return ok(
      system.is("nobody-logged-in") ? "" : system.world.desktop === null ? session : greeter,
    );
  if (script.startsWith("grep -ahosE ")) return ok();
  if (script.startsWith("head -n 1 /proc/stat"))
    return ok(`cpu  100 0 100 ${Math.ceil(performance.now())} 0 0 0 0 0 0\n`);
  if (!script.startsWith("grep -Hs . /sys/block/sr")) return null;
  const sectors = system.is("medium-written") ? 8 : 0;
  return ok(`/sys/block/sr0/stat: 2000 0 80000 1234 0 0 ${sectors} 0 0 1000 1234\n`);
}
