/** ostree(1) of the simulated guest: the deployments, their layers and pins, and the setting of the boot loader. */
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { ostreeObjects } from "./composefs.ts";
import { ostreeLayers, pin } from "./other-programs.ts";

export function ostree({ args, system }: Call): Answer {
  const layers =
    system.world.backend === "ostree"
      ? (ostreeObjects(args, system) ?? ostreeLayers(system, args))
      : null;
  if (layers !== null) return layers;
  if (args[1] === "pin" && system.world.backend === "ostree") return pin(args.slice(2), system);
  if (args.join(" ").endsWith("get sysroot.bootloader"))
    return system.bootLoader.grub.ostreeBootloader();
  if (args.join(" ") !== "admin status --json") return bad(1, "error: Unknown command");
  if (system.world.backend === "composefs")
    return bad(
      1,
      "error: loading sysroot: Opening sysroot repo: opendir(ostree/repo): No such file or directory",
    );
  const all = [...(system.staged === null ? [] : [system.staged]), ...system.deployments];
  const deployments = all.map((deployment, index) => ({
    checksum: deployment.checksum,
    stateroot: "default",
    serial: deployment.serial,
    index,
    booted: deployment === system.booted,
    staged: deployment === system.staged,
    pending: false,
    rollback: deployment === system.rollback,
    pinned: deployment.pinned,
    unlocked: "none",
    version: deployment.image.version,
  }));
  return ok(`${JSON.stringify({ deployments })}\n`);
}
