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
  const words = args.join(" ");
  if (words !== "admin status --json" && words !== "admin status")
    return bad(1, "error: Unknown command");
  if (system.world.backend === "composefs")
    return bad(
      1,
      "error: loading sysroot: Opening sysroot repo: opendir(ostree/repo): No such file or directory",
    );
  if (words.endsWith("--json") && !system.world.isAtLeast("1.16"))
    return bad(1, "Usage:\n  ostree admin status [OPTION…]\n\nerror: Unknown option --json");
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
  if (words.endsWith("--json")) return ok(`${JSON.stringify({ deployments })}\n`);
  const lines = deployments.flatMap((one) => {
    const state = one.staged ? " (staged)" : one.rollback ? " (rollback)" : "";
    return [
      `${one.booted ? "*" : " "} ${one.stateroot} ${one.checksum}.${one.serial}${state}`,
      `    Version: ${one.version}`,
      ...(one.pinned ? ["    Pinned: yes"] : []),
      "    origin: <unknown origin type>",
    ];
  });
  return ok(`${lines.join("\n")}\n`);
}
