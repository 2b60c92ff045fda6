/** The Containerfile that makes an image with all that a host has layered. Pure; each word of the status is checked before it is written. */
import type { LocalChanges } from "../guest/tools/rpm-ostree.ts";
import { type BaseImage, unknownBase } from "./base-image.ts";
import { argumentWords, commentLine, etcPaths, packageWords, told } from "./checked-words.ts";

/** Folder beside the Containerfile for RPM files that were installed or replaced from a file. */
export const rpmFolders = {
  local: "rpms/local",
  overrides: "rpms/over-files",
  replacements: "rpms/replacements",
} as const;

export interface ContainerfileInput {
  readonly base: BaseImage;
  readonly changes: LocalChanges;
  /** What it is made for, for its first line. */
  readonly title: string;
}

/**
 * In the order in which rpm-ostree's own transaction is possible as commands: removals, so that what replaces them does not
 * conflict; replacements; files, which may bring a repository; packages; the initramfs last, since it takes in all of that.
 * Throws UsageError for a word that cannot be written safely.
 */
export function containerfile({ base, changes, title }: ContainerfileInput): string {
  const blocks = [
    [commentLine(title), commentLine(base.why), `FROM ${base.reference ?? unknownBase}`],
    removals(changes),
    localReplacements(changes),
    ...remoteReplacements(changes),
    localPackages(changes),
    fileOverrides(changes),
    modules(changes),
    packages(changes),
    initramfs(changes),
    ["RUN bootc container lint"],
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** Without what others need: dnf would remove what only a removed package needed, which rpm-ostree leaves. */
const removals = ({ removals: names }: LocalChanges): string[] =>
  names.length === 0
    ? []
    : [
        `RUN dnf -y --setopt=clean_requirements_on_remove=False remove ${packageWords("requested-base-removals", names)}`,
      ];

const copied = (folder: string, names: readonly string[], key: string, run: string): string[] => {
  if (names.length === 0) return [];
  packageWords(key, names);
  return [
    `# Put the RPM files into ${folder}/ first:`,
    ...names.map((name) => commentLine(`  ${name}.rpm`)),
    `COPY ${folder}/ /tmp/${folder}/`,
    `RUN ${run.replaceAll("FILES", `/tmp/${folder}/*.rpm`)} && rm -rf /tmp/rpms`,
  ];
};

/** rpm itself, since dnf does not put an older version in the place of a newer one by itself. */
const localReplacements = ({ localReplacements: names }: LocalChanges): string[] =>
  copied(
    rpmFolders.replacements,
    names,
    "requested-base-local-replacements",
    "rpm --upgrade --oldpackage --replacepkgs FILES",
  );

const localPackages = ({ localPackages: names }: LocalChanges): string[] =>
  copied(rpmFolders.local, names, "requested-local-packages", "dnf -y install FILES");

const fileOverrides = ({ fileOverrides: names }: LocalChanges): string[] =>
  copied(
    rpmFolders.overrides,
    names,
    "requested-local-fileoverride-packages",
    "rpm --upgrade --oldpackage --replacepkgs --replacefiles FILES",
  );

function remoteReplacements({ remoteReplacements: sources }: LocalChanges): string[][] {
  return sources.map(({ source, packages: names }) => {
    if (names.length === 0)
      return [commentLine(`What came from '${told(source)}' is not named; replace it by hand.`)];
    const key = "requested-base-remote-replacements";
    const list = packageWords(key, names);
    const repository = /^repo=([A-Za-z0-9_.:+-]{1,200})$/.exec(source)?.[1];
    if (repository !== undefined) return [`RUN dnf -y --repo=${repository} distro-sync ${list}`];
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

const packages = ({ packages: names }: LocalChanges): string[] =>
  names.length === 0
    ? []
    : [`RUN dnf -y install ${packageWords("requested-packages", names)} && dnf clean all`];

/** As the documentation of bootc makes it (bootc, `docs/src/initramfs.md`), with the host's own arguments and files. */
function initramfs({ regenerateInitramfs, initramfsArgs, initramfsEtc }: LocalChanges): string[] {
  if (!regenerateInitramfs && initramfsArgs.length === 0 && initramfsEtc.length === 0) return [];
  const paths = etcPaths("initramfs-etc", initramfsEtc);
  const install = paths.flatMap((path) => ["--install", path]);
  const words = argumentWords("initramfs-args", [...initramfsArgs, ...install]);
  return [
    ...paths.map((path) => `COPY ${path.slice(1)} ${path}`),
    `RUN kver=$(ls /usr/lib/modules) && dracut --force --no-hostonly --reproducible --add ostree${words === "" ? "" : ` ${words}`} "/usr/lib/modules/$kver/initramfs.img" "$kver"`,
  ];
}
