/** What an image is to the simulated guest. */
export interface SimulatedImage {
  readonly digest: string;
  readonly version: string;
  /** When it was made, as `bootc status` tells it. */
  readonly created?: string;
  /** Files that the image ships in its /etc: name → content. */
  readonly etc: Readonly<Record<string, string>>;
  /** Kernel arguments that it ships in kargs.d. */
  readonly kargs?: readonly string[];
  /** Its kernel arguments by the files that have them. */
  readonly kargsFiles?: Readonly<Record<string, readonly string[]>>;
  /** References of the application images that it is bound to. */
  readonly boundTo?: readonly string[];
  /** Files below /usr that it has besides, by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Packages that its own dnf5 brought, as rpm tells them. */
  readonly packages?: readonly string[];
  /** What rpm-ostree takes the base's packages from; null where that is the package database. */
  readonly baseDatabase?: readonly string[] | null;
  /** Files of packages that it took away again. */
  readonly removed?: Readonly<Record<string, string>>;
  /** Its initramfs was made again, with a module of its own. */
  readonly hasOwnModule?: boolean;
  /** Release of a kernel that was put in the place of its own. */
  readonly otherKernel?: string;
  /** A unit of its own fails at each boot. */
  readonly hasFailingUnit?: boolean;
  readonly hasDockerManifest?: boolean;
}
