/** Programs of the simulated guest that read and write files. */
import { createHash } from "node:crypto";
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { refusedRead } from "./composefs.ts";
import { sizes } from "./root-files.ts";
import { kernelOf } from "./world.ts";

const operands = (args: readonly string[]): string[] =>
  args.filter((word) => !word.startsWith("-"));

export function cat({ args, input, files }: Call): Answer {
  const paths = operands(args);
  if (paths.length === 0) return ok(input);
  const path = paths[0] ?? "";
  const content = files.read(path);
  return content === null ? bad(1, `cat: ${path}: No such file or directory`) : ok(content);
}

export function rm({ args, files }: Call): Answer {
  const path = operands(args)[0] ?? "";
  const refusal = files.remove(path);
  return refusal === null ? ok() : bad(1, `rm: cannot remove '${path}': ${refusal}`);
}

export function touch({ args, files, mounts, system }: Call): Answer {
  const path = operands(args)[0] ?? "";
  if (mounts.usrWritable && path.startsWith("/usr/")) {
    system.files.set(path, system.files.get(path) ?? "");
    return ok();
  }
  const refusal = files.write(path, files.read(path) ?? "");
  return refusal === null ? ok() : bad(1, `touch: cannot touch '${path}': ${refusal}`);
}

export function sha256sum({ args, files, system }: Call): Answer {
  const path = operands(args)[0] ?? "";
  if (refusedRead(system, path)) return bad(1, `sha256sum: ${path}: Input/output error`);
  const content = files.read(path);
  if (content === null) return bad(1, `sha256sum: ${path}: No such file or directory`);
  return ok(`${createHash("sha256").update(content).digest("hex")}  ${path}\n`);
}

export function grep({ args, files, system }: Call): Answer {
  if (args.at(-1) === "/boot/loader/entries/") return ok(system.bootLoader.grub.entries());
  const [pattern = "", path = ""] = operands(args);
  const content = files.read(path);
  if (content === null) return bad(2, `grep: ${path}: No such file or directory`);
  const found = content.split("\n").filter((line) => line.includes(pattern));
  if (found.length === 0) return { stdout: "", stderr: "", exitCode: 1 };
  return ok(args.some((word) => /^-\w*q/.test(word)) ? "" : `${found.join("\n")}\n`);
}

export function find({ args, files, system }: Call): Answer {
  const path = args[0] ?? "";
  if (args.includes("-printf")) return ok(sizes);
  const kernel = kernelOf(system.booted.image);
  if (args.includes("vmlinuz")) return ok(`${path}/${kernel}/vmlinuz\n`);
  if (path === "/usr/lib/modules") {
    const left = system.is("old-kernel-left") ? ["7.2.0-sim"] : [];
    return ok([kernel, ...left].map((name) => `${path}/${name}\n`).join(""));
  }
  const names = files.list(path);
  if (names === null) return bad(1, `find: '${path}': No such file or directory`);
  return ok(names.map((name) => `${path}/${name}\n`).join(""));
}

/** stat(1) of a file system, and of /usr itself. */
export function stat({ args, system }: Call): Answer {
  if (args.slice(0, 3).join(" ") === "-f -c %T") return ok("ext2/ext3\n");
  if (args.join(" ") !== "-c %a /usr") return bad(1, "stat: not simulated");
  return ok(system.usrOverlay !== null && system.is("overlay-private") ? "700\n" : "755\n");
}
