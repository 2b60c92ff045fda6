/**
 * The images that the initramfs of bootc's composefs backend was told to mount. bootc up to 1.16 names one by `composefs=`; from 1.17 on
 * it names EROFS images of version 1 by `composefs.digest=v1-sha512-12:…`, and a unified kernel names both, of which the first that
 * is there is mounted (bootc, docs `bootc-composefs.7`; composefs-rs, `composefs-boot/src/cmdline.rs`).
 */

export interface NamedImage {
  /** Its fs-verity digest, which is its name in the repository. */
  readonly digest: string;
  /** Without `?`: nothing of it may lack fs-verity. */
  readonly needsVerity: boolean;
}

const argument =
  /(?:^|\s)composefs(?:\.digest)?=(\??)(?:v\d{1,3}-sha\d{3}-\d{1,2}:)?([0-9a-f]{128}|[0-9a-f]{64})(?=\s|$)/g;

/** The images that a kernel command line names for `/`, in its order; empty on a system of another kind. Pure. */
export function namedComposefsImages(commandLine: string): readonly NamedImage[] {
  return [...commandLine.matchAll(argument)].map(([, mark, digest = ""]) => ({
    digest,
    needsVerity: mark === "",
  }));
}

/** The image that a mount shows, by its source (`composefs:…`, or `transient:composefs=…` in memory); null where it does not name one. */
export const mountedComposefsImage = (source: string): string | null =>
  /composefs[:=]([0-9a-f]{64,128})$/.exec(source)?.[1] ?? null;
