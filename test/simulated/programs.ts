/**
 * The programs of the simulated guest: as much of each as the harness and its scenarios use, with the answers of the
 * real ones. What is not here ends with 127 as in any shell, so a scenario that needs more says so at once.
 */
import { layeredPackage } from "../../harness/engine/layered-package.ts";
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { bootc } from "./bootc-program.ts";
import { parseCommandLine } from "./command-line.ts";
import { composefsScript } from "./composefs.ts";
import { keptScript } from "./composefs-kept.ts";
import { defaultTarget, desktopShown } from "./desktop.ts";
import { filefrag } from "./disk-blocks.ts";
import { cat, find, grep, rm, sha256sum, stat, touch } from "./file-programs.ts";
import { mountAt } from "./file-system.ts";
import { endHealthChecks } from "./greenboot.ts";
import { ostree } from "./ostree-program.ts";
import { curl, podman, skopeo } from "./other-programs.ts";
import { ownersOfDifferences, runningKernel } from "./package-database.ts";
import { dnfAlone, packagePrograms } from "./packages.ts";
import { greenbootShown } from "./red-green.ts";
import { shippedFolder } from "./root-files.ts";
import { cryptsetup, lockScript } from "./root-lock.ts";
import {
  flatpak,
  groupadd,
  id,
  layeredUnit,
  rpm,
  rpmOstree,
  useradd,
} from "./rpm-ostree-program.ts";
import { seatAnswer } from "./seat.ts";
import type { SimulatedKind } from "./world-options.ts";

const programs: Readonly<Record<string, (call: Call) => Answer>> = {
  true: () => ok(),
  false: () => bad(1, ""),
  echo: ({ args }) => ok(`${args.join(" ")}\n`),
  date: ({ args }) => ok(`${new Date(Number(args.at(-1)?.slice(1)) * 1000).toUTCString()}\n`),
  cat,
  rm,
  touch,
  sha256sum,
  stat,
  grep,
  find,
  findmnt,
  systemctl,
  journalctl,
  ostree,
  "rpm-ostree": rpmOstree,
  flatpak,
  groupadd,
  id,
  useradd,
  [layeredPackage.program]: ({ files }) =>
    files.read(layeredPackage.program) === null
      ? bad(127, `sh: line 1: ${layeredPackage.program}: No such file or directory`)
      : ok(`${layeredPackage.says}\n`),
  bootc,
  bootupctl: ({ system, args }) =>
    system.is("bootupctl-missing")
      ? bad(127, "env: 'bootupctl': No such file or directory")
      : system.bootLoader.bootupctl(args),
  lsblk: ({ system, args }) => system.bootLoader.bootupd.lsblk(args),
  cryptsetup,
  "grub2-editenv": ({ system, args }) => system.bootLoader.grub.editEnvironment(args),
  curl,
  skopeo,
  podman,
  ...packagePrograms,
  rpm: (call) =>
    call.args[0] === "-q" && call.args[2] !== "--qf"
      ? rpm(call)
      : (packagePrograms["rpm"]?.(call) ?? ok()),
  mkdir: () => ok(),
  printf: () => ok(),
  sfdisk: () => ok(),
  "mkfs.vfat": () => ok(),
  command: ({ args, ...rest }) =>
    hasProgram(args.at(-1) ?? "", rest) ? ok(`/usr/bin/${args.at(-1)}\n`) : bad(1, ""),
  uname: ({ system }) => ok(`${runningKernel(system)}\n`),
  sync: () => ok(),
  timeout: ({ args: [, name = "", ...args], ...rest }) =>
    rest.system.world.neverSettles && args[1] === "--wait"
      ? bad(124, "")
      : runProgram(name, { ...rest, args }),
  "systemd-run": ({ args, ...rest }) => {
    const at = args.findIndex((word) => !word.startsWith("-"));
    return runProgram(args[at] ?? "", { ...rest, args: args.slice(at + 1) });
  },
  env,
  unshare,
  mount,
  sh,
  exec: ({ args, ...rest }) => runProgram(args[0] ?? "", { ...rest, args: args.slice(1) }),
  filefrag,
  test: ({ args: [what, path = ""], files, system }) => {
    if (what === "-d") return { ...ok(), exitCode: path === shippedFolder ? 0 : 1 };
    const holds = what === "-L" ? system.bootLoader.grub.isLink(path) : files.read(path) !== null;
    return { ...ok(), exitCode: holds ? 0 : 1 };
  },
};

/** Which kinds of systems have a program that not all have. */
const isThere: Readonly<Record<string, (kind: SimulatedKind) => boolean>> = {
  bootc: (kind) => kind.startsWith("bootc"),
  "rpm-ostree": (kind) => kind === "rpm-ostree" || kind === "bootc",
  ostree: (kind) => kind !== "package",
};

const hasProgram = (name: string, { system: { world } }: Pick<Call, "system">): boolean =>
  Object.hasOwn(programs, name) &&
  (isThere[name]?.(world.kind) ?? true) &&
  !(world.lacksRpmOstree && name === "rpm-ostree");

/** Runs one program with its arguments. */
export function runProgram(name: string, call: Call): Answer {
  const program = hasProgram(name, call) ? programs[name] : undefined;
  return program?.(call) ?? bad(127, `sh: line 1: ${name}: command not found`);
}

/** Runs a command line as a login shell would. */
export function runCommandLine(line: string, call: Omit<Call, "args">): Answer {
  try {
    // What a fork's clock is set by; the simulated guest does not have a pool of randomness.
    const command = line
      .replace(/ \|\| exit; echo [0-9a-f]{64} > \/dev\/urandom \|\| :$/, "")
      .replace(/^[A-Z_]+=\S+ && /, "");
    const { words, outputTo } = parseCommandLine(command);
    const assigned = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
    const [program = "true", ...args] = assigned < 0 ? [] : words.slice(assigned);
    const answer = runProgram(program, { ...call, args });
    if (outputTo === null) return answer;
    const refusal = call.files.write(outputTo, answer.stdout);
    return refusal === null
      ? { ...answer, stdout: "" }
      : bad(1, `sh: line 1: ${outputTo}: ${refusal}`);
  } catch (error) {
    if (error instanceof SyntaxError) return bad(127, `sh: line 1: ${error.message}`);
    throw error;
  }
}

/** env(1): assignments, then a program. */
function env({ args, ...rest }: Call): Answer {
  const at = args.findIndex((word) => !word.includes("="));
  const name = args[at] ?? "";
  return hasProgram(name, rest)
    ? runProgram(name, { ...rest, args: args.slice(at + 1) })
    : bad(127, `env: '${name}': No such file or directory`);
}

/** unshare(1) `--mount`: what is mounted from here on is seen by nobody else. */
function unshare({ args, mounts, ...rest }: Call): Answer {
  if (rest.system.is("follow-fails"))
    return bad(1, "unshare: unshare failed: Operation not permitted");
  if (args[0] !== "--mount") return bad(1, "unshare: the simulated one only does --mount");
  return runProgram(args[1] ?? "sh", { ...rest, mounts: { ...mounts }, args: args.slice(2) });
}

function mount({ args, mounts, system }: Call): Answer {
  const [option, how, where] = args.filter((word) => !word.startsWith("--options-source="));
  if (option === "-o" && how === "remount,rw" && where === "/usr" && system.usrOverlay !== null) {
    mounts.usrWritable = true;
    return ok();
  }
  if (
    option !== "-o" ||
    how !== "remount,rw" ||
    where !== "/sysroot" ||
    system.world.backend === null
  )
    return bad(32, `mount: ${where ?? "?"}: mount point not mounted or bad option.`);
  mounts.sysrootWritable = true;
  return ok();
}

/** `sh -c` with commands joined by `&&`. */
function sh({ args, ...rest }: Call): Answer {
  if (args[0] !== "-c") return bad(2, "sh: the simulated one only does -c");
  const page =
    /^\{ (journalctl .*?); echo "(\S+) \$\?"; \} \| grep -aE "(.+)" \| tail -c \+(\d+) \| head -c (\d+)$/.exec(
      args[1] ?? "",
    );
  if (page !== null) return journalPage(page, rest);
  const seat = seatAnswer(args[1] ?? "", rest.system);
  if (seat !== null) return seat;
  const answered =
    lockScript(args[1] ?? "", rest.system) ??
    composefsScript(args[1] ?? "", rest.system) ??
    keptScript(args[1] ?? "", rest.system) ??
    rest.system.bootLoader.script(args[1] ?? "");
  if (answered !== null) return answered;
  const unpacked = /^base64 -d (\S+) \| gzip -dc > (\S+) && rm \S+$/.exec(args[1] ?? "");
  if (unpacked !== null) {
    rest.files.write(unpacked[2] ?? "", rest.files.read(unpacked[1] ?? "") ?? "");
    return ok();
  }
  if (args[1]?.includes("/etc/yum.repos.d/")) return ok();
  if (args[1]?.includes("; ostree diff ")) return ownersOfDifferences(args.slice(3), rest.system);
  if (args[1]?.startsWith("d=$(command -v dnf5)")) return dnfAlone(args.slice(3), rest);
  let answer = ok();
  for (const command of (args[1] ?? "").split(" && ")) {
    const next = runCommandLine(command, rest);
    answer = { ...next, stdout: answer.stdout + next.stdout, stderr: answer.stderr + next.stderr };
    if (answer.exitCode !== 0) break;
  }
  return answer;
}

/** The one pipe that the simulated shell knows: `commands.journalPage`. */
function journalPage(page: RegExpExecArray, call: Omit<Call, "args">): Answer {
  const [, line = "", mark = "", lines = "", from = "", bytes = ""] = page;
  const { stdout, stderr, exitCode } = runCommandLine(line, call);
  const wanted = new RegExp(lines);
  const kept = `${stdout}${mark} ${exitCode}\n`.split("\n").filter((row) => wanted.test(row));
  const text = kept.map((row) => `${row}\n`).join("");
  return { stdout: text.slice(Number(from) - 1).slice(0, Number(bytes)), stderr, exitCode: 0 };
}

function findmnt({ args, system }: Call): Answer {
  const mount = mountAt(system, args.at(-1) ?? "");
  if (mount === null) return { stdout: "", stderr: "", exitCode: 1 };
  return ok(`${JSON.stringify({ filesystems: [mount] }, null, 3)}\n`);
}

function systemctl(call: Call): Answer {
  const { args, system } = call;
  const ofPackage = layeredUnit(call);
  if (ofPackage !== null) return ofPackage;
  const degraded =
    (system.is("failed-unit") || system.booted.image.hasFailingUnit === true) &&
    !system.is("bad-update-hidden");
  switch (args[0]) {
    case "reboot":
      return { ...ok(), ...(system.is("same-boot") ? {} : { afterwards: "reboot" as const }) };
    case "poweroff":
      return { ...ok(), ...(system.is("same-boot") ? {} : { afterwards: "poweroff" as const }) };
    case "soft-reboot":
      system.softReboot();
      return ok();
    case "is-system-running":
      if (args[1] === "--wait") endHealthChecks(system);
      return { ...ok(degraded ? "degraded\n" : "running\n"), exitCode: degraded ? 1 : 0 };
    case "is-enabled":
      return ok("enabled\n");
    case "list-units":
      return ok(degraded ? "sabotaged.service loaded failed failed A unit that fails\n" : "");
    case "list-jobs":
      return ok();
    case "get-default":
      return ok(`${defaultTarget(system)}\n`);
    case "show": {
      const shown = desktopShown(args, system) ?? greenbootShown(args, system);
      if (shown !== null) return ok(shown);
      if (args.includes("bootloader-update.service")) return ok(system.bootLoader.bootupd.unit());
      if (args.includes("--property=SoftRebootsCount")) return ok(`${system.softReboots}\n`);
      return ok("Id=sshd.service\nActiveState=active\nSubState=running\nNRestarts=0\n");
    }
    default:
      return bad(1, `Unknown command verb '${args[0] ?? ""}'.`);
  }
}

function journalctl({ args, system }: Call): Answer {
  const valueAfter = (short: string): string | undefined => args[args.indexOf(short) + 1];
  const offset = Number(args.find((word) => word.startsWith("--boot="))?.slice(7) ?? 0);
  const journal = system.boots.at(offset - 1);
  if (journal === undefined || -offset >= system.boots.length)
    return bad(
      1,
      `Data from the specified boot (${offset}) is not available: No such boot ID in journal`,
    );
  const unit = args.includes("-u") ? valueAfter("-u") : undefined;
  const count = args.includes("-n") ? Number(valueAfter("-n")) : journal.length;
  const lines = journal
    .filter((line) => unit === undefined || matches(line.unit, unit))
    .slice(-count)
    .map(({ seconds, unit: from, text }) => {
      const stamp = `[${seconds.toFixed(6).padStart(12)}] simulated`;
      return from === "kernel"
        ? `${stamp} ${text}`
        : `${stamp} ${from.replace(".service", "")}[1]: ${text}`;
    });
  return ok(`${lines.length === 0 ? "-- No entries --" : lines.join("\n")}\n`);
}

/** journalctl(1) takes patterns of a shell for units. */
const matches = (unit: string, pattern: string): boolean =>
  pattern.endsWith("*") ? unit.startsWith(pattern.slice(0, -1)) : unit === pattern;
