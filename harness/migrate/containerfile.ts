/** The Containerfile that makes an image with all that a host has layered. Pure; each word of the status is checked before it is written. */
import { callDracut, findDracut } from "../guest/tools/initramfs.ts";
import { packageName } from "../guest/tools/nevra.ts";
import type { LocalChanges } from "../guest/tools/rpm-ostree.ts";
import { type BaseImage, unknownBase } from "./base-image.ts";
import { argumentWords, commentLine, etcPaths, packageWords, told } from "./checked-words.ts";
import { comingNames, isKernel } from "./package-names.ts";
import { copied, inBuild, type RpmFolder, rpmFolders } from "./rpm-files.ts";

export interface ContainerfileInput {
  readonly base: BaseImage;
  readonly changes: LocalChanges;
  /** What it is made for, for its first line. */
  readonly title: string;
}

/**
 * rpm-ostree does all of it in one transaction. So does this, but for what cannot be in it: files that bring the repositories which
 * the rest comes from, versions that one repository alone is asked for, kernels, and files that replace files of others. The
 * initramfs is the last, since it takes in all of that. Throws UsageError for a word that cannot be written safely.
 */
export function containerfile({ base, changes, title }: ContainerfileInput): string {
  const folders = rpmFolders(changes);
  const blocks = [
    [commentLine(title), commentLine(base.why), `FROM ${base.reference ?? unknownBase}`],
    filesAlone(folders.repositories, "dnf -y install"),
    modules(changes),
    ...remoteReplacements(changes),
    filesAlone(folders.kernel, "rpm --upgrade --oldpackage --replacepkgs"),
    copied(folders.replacements),
    copied(folders.local),
    transaction(changes, [...inBuild(folders.replacements), ...inBuild(folders.local)]),
    filesAlone(folders.overrides, "rpm --upgrade --oldpackage --replacepkgs --replacefiles"),
    initramfs(changes),
    ["RUN bootc container lint"],
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

const filesAlone = (folder: RpmFolder, command: string): string[] =>
  folder.files.length === 0
    ? []
    : [...copied(folder), `RUN ${[command, ...inBuild(folder)].join(" ")} && rm -rf /tmp/rpms`];

/**
 * `dnf remove` takes along what needs the removed, which its replacement would have served, and what only the removed needed. `do` does neither: it refuses
 * what it would break (dnf5, `dnf5/commands/do/do.cpp`: no erasing unless it is asked for), and it puts older files in the place of newer packages. What it
 * cannot be asked of, an older dnf, has rpm remove exactly what is named, and is then asked whether anything lacks something.
 */
function transaction({ removals, packages }: LocalChanges, files: readonly string[]): string[] {
  const removed = packageWords("requested-base-removals", removals.map(packageName));
  const layered = packageWords("requested-packages", packages);
  const installed = [...files, ...(layered === "" ? [] : [layered])].join(" ");
  if (removed === "" && installed === "") return [];
  const end = `${files.length === 0 ? "" : "rm -rf /tmp/rpms && "}dnf clean all`;
  if (removed === "") return [`RUN dnf -y install ${installed} && ${end}`];
  const [action, install] =
    installed === ""
      ? ["", ""]
      : [` --action=install ${installed}`, `dnf -y install ${installed} && `];
  return [
    "# One transaction, as it was on the host: nothing goes but what was removed there, and what lacks something then ends the build.",
    "# dnf has `do` since 5.2.14; an older one takes the other way to the same.",
    "RUN if dnf do --help >/dev/null 2>&1; then \\",
    `    dnf -y --setopt=clean_requirements_on_remove=False do --action=remove ${removed}${action}; \\`,
    "  else \\",
    `    rpm --erase --nodeps ${removed} && ${install}dnf check --dependencies; \\`,
    `  fi && ${end}`,
  ];
}

function remoteReplacements({ remoteReplacements: sources }: LocalChanges): string[][] {
  return sources.map(({ source, packages: names }) => {
    if (names.length === 0)
      return [commentLine(`What came from '${told(source)}' is not named; replace it by hand.`)];
    const key = "requested-base-remote-replacements";
    // By name: the version that was there is gone once the repository moves on.
    const list = packageWords(key, names.map(packageName));
    const repository = /^repo=([A-Za-z0-9_.:+-]{1,200})$/.exec(source)?.[1];
    if (repository !== undefined)
      return [
        "# --from-repo: since dnf 5.2.15; before, `dnf repository-packages` is the way.",
        `RUN dnf -y distro-sync --from-repo=${repository} ${list}`,
      ];
    return [
      commentLine(
        `These came from '${told(source)}', which dnf cannot be told; replace them by hand:`,
      ),
      commentLine(`  ${list}`),
    ];
  });
}

const modules = ({ modules: installed, modulesEnabled }: LocalChanges): string[] => [
  ...(modulesEnabled.length === 0
    ? []
    : [`RUN dnf -y module enable ${packageWords("requested-modules-enabled", modulesEnabled)}`]),
  ...(installed.length === 0
    ? []
    : [
        "# dnf5 cannot install modules; install the packages that are in these instead:",
        commentLine(`  ${packageWords("requested-modules", installed)}`),
      ]),
];

/**
 * As the documentation of bootc makes it (bootc, `docs/src/initramfs.md`), with the host's own arguments and files. A kernel that comes has none: on the host,
 * rpm-ostree made it (`rust/src/initramfs.rs`).
 */
function initramfs(changes: LocalChanges): string[] {
  const { regenerateInitramfs, initramfsArgs, initramfsEtc } = changes;
  const isMade =
    regenerateInitramfs ||
    initramfsArgs.length + initramfsEtc.length > 0 ||
    comingNames(changes).some(isKernel);
  if (!isMade) return [];
  const paths = etcPaths("initramfs-etc", initramfsEtc);
  // Not `--install`: of a folder, that brings the folder alone (seen with dracut 112).
  const include = paths.flatMap((path) => ["--include", path, path]);
  const words = argumentWords("initramfs-args", [...initramfsArgs, ...include]);
  return [
    ...paths.map((path) => `COPY ${path.slice(1)} ${path}`),
    "# Without DRACUT_NO_XATTR dracut loses files where SELinux's attributes cannot be copied, as in a build on a host that has it.",
    `RUN kver=$(ls /usr/lib/modules) && { ${findDracut.join("; ")}; } && \\`,
    `    ${callDracut} --force --no-hostonly --reproducible --add ostree${words === "" ? "" : ` ${words}`} "/usr/lib/modules/$kver/initramfs.img" "$kver"`,
  ];
}
