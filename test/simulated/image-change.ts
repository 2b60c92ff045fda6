/** A simulated image with what a change adds to it. */
import { createHash } from "node:crypto";
import { CannotTell } from "../../harness/base/errors.ts";
import type { ImageChange } from "../../images/image.ts";
import { changedPackages } from "./image-packages.ts";
import type { SimulatedImage } from "./simulated-image.ts";

const kargsFolder = "/usr/lib/bootc/kargs.d/";
const argumentsIn = (toml: string): string[] =>
  [...toml.matchAll(/"([^"]+)"/g)].map(([, word = ""]) => word);

/**
 * As the real one: of its files kernel arguments and /etc are known here. `hidesPackages`: the image keeps packages from
 * its users. Throws CannotTell where dnf5 finds nothing.
 */
export function changedImage(
  from: SimulatedImage,
  {
    name,
    files = {},
    links = {},
    remove = [],
    packages = [],
    run = [],
    kernelPackages,
  }: ImageChange,
  hidesPackages: boolean,
): SimulatedImage {
  const text = JSON.stringify([from.digest, name, files, links, remove, packages, run]);
  for (const line of run)
    if (hidesPackages && line.startsWith("dnf5 ") && !line.includes("disable_excludes=*"))
      throw new CannotTell("Nothing to do: all packages are excluded.");
  const otherKernel = kernelPackages === true ? "6.12.0-sim" : from.otherKernel;
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const etc = { ...from.etc };
  const kargs = new Map(Object.entries(from.kargsFiles ?? {}));
  const { installed, removed, ...brought } = changedPackages(from, packages);
  const own: Record<string, string> = { ...from.files, ...brought.files };
  for (const path of Object.keys(removed)) {
    delete own[path];
    delete etc[path.slice("/etc/".length)];
  }
  for (const [path, content] of Object.entries(brought.files))
    if (path.startsWith("/etc/")) etc[path.slice("/etc/".length)] = content;
  for (const [path, given] of Object.entries(files)) {
    const content = typeof given === "string" ? given : given.text;
    if (path.startsWith("/etc/")) etc[path.slice("/etc/".length)] = content;
    if (path.startsWith("/usr/")) own[path] = content;
    if (path.startsWith(kargsFolder)) kargs.set(path, argumentsIn(content));
  }
  for (const path of remove) {
    delete etc[path.slice("/etc/".length)];
    kargs.delete(path);
  }
  const version = `${from.version}.${name}`;
  const kargsFiles = Object.fromEntries(kargs);
  const boundTo = Object.values(files).flatMap((given) =>
    typeof given === "string"
      ? [...given.matchAll(/^Image=(\S+)$/gm)].map((found) => found[1] ?? "")
      : [],
  );
  const all = [...kargs.values()].flat();
  const facts = { digest, version, etc, kargsFiles, kargs: all, boundTo, files: own };
  const hasOwnModule = run.some((line) => line.includes(" --force-drivers "));
  const losesBase = run.some((line) => line === "rm -rf /usr/lib/sysimage/rpm-ostree-base-db");
  const baseDatabase = losesBase ? null : (from.baseDatabase ?? null);
  const kernel = otherKernel === undefined ? {} : { otherKernel };
  return { ...facts, packages: installed, baseDatabase, removed, hasOwnModule, ...kernel };
}
