/** What a person has to provide, or to look at, before the image of a plan is built and pushed. Pure. */
import type { LocalChanges, RpmOstreeDeployment } from "../guest/tools/rpm-ostree.ts";
import { type BaseImage, unknownBase } from "./base-image.ts";
import { told } from "./checked-words.ts";
import { comingNames, isKernel, isModule } from "./package-names.ts";
import { rpmFolders } from "./rpm-files.ts";

/** `toml` is the file for kargs.d, where there is one. Throws UsageError for a name that cannot be written safely. */
export const neededWords = (
  one: RpmOstreeDeployment,
  changes: LocalChanges,
  base: BaseImage,
  toml: string | null,
): string[] => [
  ...(base.reference === null ? [`The base image, in place of ${unknownBase}. ${base.why}`] : []),
  ...ofBase(base),
  ...ofPackages(changes),
  ...ofKernel(changes),
  ...ofInitramfs(changes),
  ...ofState(one, changes),
  ...(toml === null
    ? []
    : [
        "The file for kargs.d only where other machines get installed from the image: this machine keeps its arguments, and would have them twice.",
      ]),
  ...(base.isSigned
    ? [
        "A signature of your own image, or a rule for it in /etc/containers/policy.json: this host demands one of what it boots.",
      ]
    : []),
  ...ofVar(changes),
];

const ofBase = ({ reference }: BaseImage): string[] => [
  ...(reference?.includes("@") === true
    ? [
        `The tag of the base image in the place of its digest, behind FROM: ${told(reference, 300)} is one image, and no build would bring anything newer.`,
      ]
    : []),
  ...(reference?.startsWith("quay.io/fedora/fedora-coreos:") === true
    ? [
        "`sudo systemctl disable --now zincati.service` where it runs: it brings a host to the next image of Fedora CoreOS, and yours is to come from your own.",
      ]
    : []),
];

const ofPackages = (changes: LocalChanges): string[] => [
  ...Object.values(rpmFolders(changes)).flatMap(({ path, files }) =>
    files.length === 0
      ? []
      : [
          `The RPM files for ${path}/ (${files.length}): rpm-ostree does not keep them as files, so fetch them again.`,
        ],
  ),
  ...(changes.packages.length + changes.remoteReplacements.length === 0
    ? []
    : [
        "The repositories that the packages came from: compare /etc/yum.repos.d and /etc/pki/rpm-gpg of the host with the base image, and COPY what it lacks before the first RUN. A repository with a password or a client key comes by `podman build --secret` instead: everybody who can pull the image can read what is COPYed.",
      ]),
  ...(changes.inactive.length === 0
    ? []
    : [
        `Nothing for ${told(changes.inactive.join(" "), 300)}: the base has it. It stays in the list so that it is there should the base drop it.`,
      ]),
  ...(changes.inactiveOverrides.length === 0
    ? []
    : [
        `Nothing for ${told(changes.inactiveOverrides.join(" "), 300)}, which rpm-ostree was to remove or replace and did not: this host's base does not have it, or has it so already, or rpm-ostree does not know that it has it. What the host still has (\`rpm -q\`) and is to go, the Containerfile has to remove.`,
      ]),
  ...(changes.modules.length + changes.modulesEnabled.length === 0
    ? []
    : [
        "A look at the modules: Fedora has none since release 39, so their packages have to come from elsewhere.",
      ]),
];

const ofKernel = (changes: LocalChanges): string[] => {
  const list = (is: (name: string) => boolean): string =>
    told(comingNames(changes).filter(is).join(", "), 300);
  const kernels = list(isKernel);
  const modules = list(isModule);
  return [
    ...(kernels === ""
      ? []
      : [
          `One kernel: an image must have a single folder in /usr/lib/modules, or dracut ends the build, and with ${kernels} another one may come beside the base's. Before the RUN of dracut, \`rpm --erase\` what is left of the kernel that is not to boot, and remove its folder.`,
        ]),
    ...(modules === ""
      ? []
      : [
          `The modules of ${modules} for the image's own kernel: in a build akmods and DKMS take the kernel of the builder, which is the one that runs, and a kmod package fits one version. After that RUN come kernel-devel of the image's version and \`akmods --force --kernels "$(ls /usr/lib/modules)"\` (\`dkms autoinstall -k\` for DKMS); then \`modinfo -k\` has to find them. If a scriptlet of theirs refuses to run as root, install them with --setopt=tsflags=noscripts. With Secure Boot, this host has to know the key that they are signed with.`,
        ]),
  ];
};

/** Paths among dracut's arguments that are not a package's: in a build these are the image's, if they are there at all. */
const hostPaths = ({ initramfsArgs }: LocalChanges): string[] => [
  ...new Set(
    initramfsArgs
      .flatMap((word) => word.split(/[ =]/))
      .filter((word) => /^\/(?!usr\/)./.test(word)),
  ),
];

const ofInitramfs = (changes: LocalChanges): string[] => {
  const paths = hostPaths(changes);
  return [
    ...(changes.initramfsEtc.length === 0
      ? []
      : [
          "The files of /etc that the initramfs takes in, below etc/ beside the Containerfile. They become part of the image, in its /etc and in its initramfs, and everybody who can pull the image can read them: leave out keys and passwords, with the lines that name them, or keep the image where this host alone can pull it. A crypttab is of this machine only.",
        ]),
    ...(paths.length === 0
      ? []
      : [
          `The files of this host that dracut's arguments name (${told(paths.join(", "), 300)}): a build has the image's in their place, or none. COPY them before the RUN of dracut, but for keys: everybody who can pull the image can read them.`,
        ]),
  ];
};

/** How the host is, beside what is layered. */
const ofState = (one: RpmOstreeDeployment, changes: LocalChanges): string[] => {
  const unlocked = one.unlocked ?? "none";
  return [
    ...(changes.cliwrap
      ? [
          "Nothing in place of `rpm-ostree cliwrap`: it goes, since bootc does not have such wrappers.",
        ]
      : []),
    ...(unlocked === "none"
      ? []
      : [
          `A look at /usr: the deployment is unlocked (${told(unlocked, 50)}), and what was changed there by hand is in no package list.`,
        ]),
    ...((one["live-replaced"] ?? one["live-inprogress"]) === null
      ? []
      : ["A reboot first: packages were applied live, so what runs is not what the status lists."]),
  ];
};

const ofVar = (changes: LocalChanges): string[] => [
  ...(changes.packages.length + changes.localPackages.length + changes.fileOverrides.length === 0
    ? []
    : [
        "A look at what packages put into /opt, /usr/local or /var (`rpm -ql`): in an image these are links into /var, which does not come to a host that switches. Move it below /usr/lib/opt, with a link by tmpfiles.d.",
      ]),
  "The owners of files in /var: a system user that a package made may have another number in the new image (`find /var -nouser -o -nogroup`).",
];
