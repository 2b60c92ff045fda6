/** What the host needs, by package manager, to make RPM packages and the metadata of a repository. */
export const RPM_HOST_PACKAGES = {
  apt: ["rpm", "createrepo-c"],
  dnf: ["rpm-build", "createrepo_c"],
} as const;
