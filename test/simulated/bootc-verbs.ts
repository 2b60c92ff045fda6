/** Verbs of the simulated `bootc` that change no deployment: the installation's configuration, and the check of an image. */
import { type Answer, bad, type Call, ok } from "./answer.ts";

const ownConfig = "/etc/bootc/install/zzz-bootgate.toml";

/** `bootc install print-configuration`: one line of JSON, the machine's own file over the image's. */
export function printConfiguration({ system, files }: Call): Answer {
  if (system.is("config-broken"))
    return bad(
      1,
      "error: Loading configuration: unknown variant `reiserfs`, expected one of `xfs`",
    );
  const own = system.is("config-not-merged") ? null : files.read(ownConfig);
  // Without any file bootc prints what it has before its defaults (1.16.9, `print_configuration`).
  if (own === null && system.world.lacksInstallConfig)
    return ok(JSON.stringify({ block: null, filesystem: null, "root-fs-type": null }));
  const type = /type = "(\w+)"/.exec(own ?? "")?.[1] ?? "ext4";
  const root = { type };
  return ok(JSON.stringify({ block: ["direct"], filesystem: { root }, "root-fs-type": type }));
}

/** A system of ostree always has /usr/etc; another one has it where its image ships it. */
const hasUsrEtc = ({ system }: Call): boolean =>
  system.world.backend !== "composefs" || system.is("ships-usr-etc");

const checks = ["bootc-kargs", "etc-usretc", "kernel", "nonempty-boot", "var-log", "var-run"];

/** `bootc container lint`, in a booted system, with the words of 1.16.9. */
export function lint(call: Call): Answer {
  const { args, system } = call;
  if (args.includes("--list")) return ok(checks.map((name) => `${name}\n`).join(""));
  const skipped = args.flatMap((word, at) => (word === "--skip" ? [args[at + 1] ?? ""] : []));
  const failed = [
    ...(skipped.includes("etc-usretc") || !hasUsrEtc(call) ? [] : ["etc-usretc: Found /usr/etc"]),
    ...(system.is("lint-fails") ? ["bootc-kargs: Invalid kargs.d"] : []),
  ];
  const warned = skipped.includes("var-log") ? [] : ["var-log: Found non-empty logfiles"];
  const stdout = [
    ...failed.map((text) => `Failed lint: ${text}`),
    ...warned.map((text) => `Lint warning: ${text}`),
    `Checks passed: ${checks.length - skipped.length - failed.length}`,
    "",
  ].join("\n");
  if (failed.length === 0) return ok(stdout);
  return { ...bad(1, `error: Linting: Checks failed: ${failed.length}`), stdout };
}
