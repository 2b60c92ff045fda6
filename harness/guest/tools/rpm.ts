/** rpm's database of an image-based system: what is installed, and whether it is whole. */
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";

export interface RpmReader {
  /** `NAME-VERSION-RELEASE.ARCHITECTURE` of all packages, sorted. */
  packages(): Promise<readonly string[]>;
  /** Whether a package is there in whichever version. */
  has(name: string): Promise<boolean>;
  /**
   * Those of them that are a kernel's, by what dnf5 knows one by (dnf5.conf(5), installonlypkgs), with what is of the same version and wants one of them
   * by name: `kernel-devel-matched` provides nothing (Fedora, kernel.spec).
   */
  kernelPackages(): Promise<readonly string[]>;
  /** Those that want a kernel, or a package of it by name, and are not one's: modules that somebody else built. dnf5 removes them with it. */
  boundToKernel(): Promise<readonly string[]>;
  /** Files of a package below /usr that are gone or have another content. */
  verify(name: string): Promise<readonly string[]>;
  /** Packages with files below /usr that differ between two commits of ostree, or are gone from the second; named and sorted as `packages`. */
  ownersOfDifferences(one: string, other: string): Promise<readonly string[]>;
}

/** The names of all files of all packages are put in order, with hardware acceleration. */
const ownersTimeoutMs = 120_000;

const verified = /^(?:missing|..5\S{6}) {4,}(\/(?:usr|lib|lib64|bin|sbin)\/.+?)(?: \(.{0,80}\))?$/;
/** depmod(8) writes these again in a build. */
const byDepmod = /^(?:\/usr)?\/lib\/modules\/[^/]+\/modules\.[^/]+$/;

/**
 * Reads `rpm -V`: nine marks, of which the third is `5` for another content, or `missing`; then a letter for configuration, documentation and
 * ghosts, which need not be as they were, and the path (rpm(8), VERIFY OPTIONS). It is as the package has it: a kernel's is below /lib/modules
 * (Fedora, kernel.spec), which is a link into /usr.
 */
export const parseVerification = (text: string): readonly string[] =>
  text.split("\n").flatMap((line) => {
    const [, path] = verified.exec(line) ?? [];
    // What only was not allowed to be looked at tells nothing.
    if (path === undefined || line.endsWith("(Permission denied)")) return [];
    return byDepmod.test(path) ? [] : [path];
  });

/** A package's name as the format of `commands` prints it: a word of a script as it is. */
const plainNevra = /^[A-Za-z0-9][A-Za-z0-9+._~^-]*$/;

const nameOf = (nevra: string): string => nevra.replace(/-[^-]+-[^-]+$/, "");
/** Version and release. */
const versionOf = (nevra: string): string | undefined => /-([^-]+-[^-]+)\.[^.]+$/.exec(nevra)?.[1];

/** rpm in a guest. */
export function rpmOf(io: GuestIo): RpmReader {
  const packages = async (): Promise<readonly string[]> => {
    const { stdout } = await mustExec(io, commands.rpmPackages);
    // Keys are packages to rpm, and nothing that an image is made of.
    const names = stdout
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("gpg-pubkey-"));
    return names.sort();
  };
  /** It says of what nobody provides or wants that it is so, and ends with 1. */
  const asked = async (question: string, names: readonly string[]): Promise<readonly string[]> => {
    if (names.length === 0) return [];
    const { stdout } = await io.exec(commands.rpmAbout(question, names));
    return [...new Set(stdout.split("\n").filter((line) => plainNevra.test(line)))].sort();
  };
  const kernelPackages = async (): Promise<readonly string[]> => {
    const words = ["kernel", "installonlypkg(kernel)", "installonlypkg(kernel-module)"];
    const found = await asked("whatprovides", words);
    const versions = found.map(versionOf);
    const wanting = await asked("whatrequires", found.map(nameOf));
    const matched = wanting.filter((one) => versions.includes(versionOf(one)));
    return [...new Set([...found, ...matched])].sort();
  };
  return {
    packages,
    ownersOfDifferences: async (one, other) => {
      const limits = { timeoutMs: ownersTimeoutMs * io.timeScale };
      const { stdout } = await mustExec(io, commands.rpmOwnersOfDifferences(one, other), limits);
      return stdout.split("\n").filter((line) => line !== "");
    },
    kernelPackages,
    async boundToKernel() {
      const own = await kernelPackages();
      const wanting = await asked("whatrequires", ["kernel-uname-r", ...own.map(nameOf)]);
      return wanting.filter((one) => !own.includes(one));
    },
    has: async (name) => (await packages()).some((one) => one.startsWith(`${name}-`)),
    verify: async (name) => {
      const { stdout, stderr, exitCode } = await io.exec(commands.rpmVerify(name));
      if (/is not installed/.test(stdout + stderr) || (exitCode !== 0 && stdout === ""))
        throw new ExpectationFailed(`rpm cannot tell whether '${name}' is whole.`, {
          details: { said: excerptStart(stdout + stderr, 500) || "nothing" },
          lookAt: io.lookAt,
        });
      return parseVerification(stdout);
    },
  };
}
