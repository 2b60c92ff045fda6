/**
 * RPM packages of our own, as data: what stories install from a repository, and what the reference OS has in its own package
 * database. Each has a part of the file system that package managers treat in a way of its own.
 */

/** A file of a package. */
export interface PackagedFile {
  readonly text: string;
  readonly isExecutable?: boolean;
  /** Marked `%config(noreplace)`: what the machine changed stays. */
  readonly isConfiguration?: boolean;
}

/** A package for every architecture, with the release `1`. */
export interface RpmPackage {
  readonly name: string;
  readonly version: string;
  /** By absolute path. */
  readonly files: Readonly<Record<string, PackagedFile>>;
  /** Lines of the preamble, such as `Conflicts: other`. */
  readonly preamble?: readonly string[];
  /** Files that it owns and does not bring, by absolute path; each is removed with it. */
  readonly ghosts?: readonly string[];
  /** Lines of a shell script that runs once the package is there. */
  readonly post?: readonly string[];
}

/** The package that stories layer on an image (`harness/engine/layered-package.ts`), as a repository has it. */
const layered: RpmPackage = {
  name: "bootgate-layered",
  version: "1.0",
  files: {
    "/usr/bin/bootgate-layered": {
      text: "#!/bin/sh\necho bootgate-layered 1.0\n",
      isExecutable: true,
    },
    "/usr/lib/systemd/system/bootgate-layered.service": {
      text: "[Unit]\nDescription=A unit of a layered package\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/bootgate-layered\n\n[Install]\nWantedBy=multi-user.target\n",
    },
    "/usr/share/bootgate-layered/version": { text: "1.0\n" },
  },
};

const tool = (version: string): RpmPackage => ({
  name: "bootgate-tool",
  version,
  files: {
    "/usr/bin/bootgate-tool": {
      text: `#!/bin/sh\necho bootgate-tool ${version}\n`,
      isExecutable: true,
    },
    "/usr/share/bootgate-tool/version": { text: `${version}\n` },
  },
});

const about = (name: string, version: string): Record<string, PackagedFile> => ({
  [`/usr/share/${name}/about`]: { text: `${name} ${version}\n` },
});

const own = (name: string, version: string, preamble: readonly string[] = []): RpmPackage => ({
  name,
  version,
  files: about(name, version),
  preamble,
});

/** What the repository of a story has. */
export const storyPackages: readonly RpmPackage[] = [
  tool("1"),
  tool("2"),
  own("bootgate-lib", "1"),
  own("bootgate-lib", "2"),
  {
    name: "bootgate-rival",
    version: "1",
    files: about("bootgate-rival", "1"),
    preamble: ["Conflicts: bootgate-tool"],
  },
  {
    name: "bootgate-settings",
    version: "1",
    files: {
      ...about("bootgate-settings", "1"),
      "/etc/bootgate-settings.conf": { text: "made-by=package\n", isConfiguration: true },
      "/var/lib/bootgate-settings/data": { text: "data of the package\n" },
    },
  },
  {
    name: "bootgate-scriptlet",
    version: "1",
    files: about("bootgate-scriptlet", "1"),
    post: [
      "mkdir -p /var/lib/bootgate-scriptlet",
      'echo "installed $1" > /var/lib/bootgate-scriptlet/ran',
    ],
  },
  {
    name: "bootgate-opt",
    version: "1",
    files: { "/opt/bootgate-opt/about": { text: "bootgate-opt 1\n" } },
  },
  layered,
];

/** What the base of a layered host has of these, so that a story can have one removed and one replaced. */
export const changeablePackages: readonly RpmPackage[] = [own("bootgate-lib", "1"), tool("1")];

/** What the reference OS has in its package database. The first one stands for all that came from Debian packages. */
export const referencePackages: readonly RpmPackage[] = [
  own("reference-base", "1", ["Provides: /bin/sh", "Provides: /usr/bin/sh"]),
  own("reference-app", "1"),
  own("reference-app", "2"),
  own("reference-lib", "1"),
  own("reference-lib", "2"),
  own("reference-old", "1"),
  own("reference-new", "1", ["Conflicts: reference-old"]),
  own("reference-extra", "1"),
];

const mark = ({ isExecutable, isConfiguration }: PackagedFile): string =>
  `${isConfiguration === true ? "%config(noreplace) " : ""}%attr(${isExecutable === true ? "0755" : "0644"},root,root) `;

/** What the files stand in, as far as it is the package's own: a folder below one that every system has. */
const ownFolders = ({ name, files }: RpmPackage): string[] => {
  const folders = Object.keys(files).map((path) => path.slice(0, path.lastIndexOf("/")));
  return [...new Set(folders.filter((path) => path.endsWith(`/${name}`)))];
};

/** A file has to be there when the package is built, ghost or not. */
const ghostLines = (ghosts: readonly string[]): { install: string[]; files: string[] } => ({
  install: ghosts.flatMap((path) => [
    `mkdir -p %{buildroot}${folderOf(path)}`,
    `: > %{buildroot}${path}`,
  ]),
  files: ghosts.flatMap((path) => [
    `%dir %attr(0755,root,root) ${folderOf(path)}`,
    `%ghost %attr(0644,root,root) ${path}`,
  ]),
});

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

/** The package's spec file (rpm-spec(5)). A percent sign in a text is not a macro. */
export function specOf(rpm: RpmPackage): string {
  const { name, version, files, preamble = [], post = [] } = rpm;
  const ghosts = ghostLines(rpm.ghosts ?? []);
  const paths = Object.keys(files);
  const install = Object.entries(files).flatMap(([path, { text }]) => [
    `mkdir -p %{buildroot}${folderOf(path)}`,
    `printf '%%s' ${quoted(text.replaceAll("%", "%%"))} > %{buildroot}${path}`,
  ]);
  return [
    `Name: ${name}`,
    `Version: ${version}`,
    "Release: 1",
    "Summary: A package that tests of image-based systems install",
    "License: MIT",
    "BuildArch: noarch",
    "AutoReqProv: no",
    ...preamble,
    "",
    "%description",
    "Made by bootgate for its stories. It does nothing.",
    "",
    "%install",
    ...install,
    ...ghosts.install,
    "",
    ...(post.length === 0 ? [] : ["%post", ...post, ""]),
    "%files",
    ...ownFolders(rpm).map((path) => `%dir %attr(0755,root,root) ${path}`),
    ...paths.map((path) => `${mark(files[path] ?? { text: "" })}${path}`),
    ...ghosts.files,
    "",
  ].join("\n");
}
