/** An ISO of Anaconda as it is known once it was opened, without a file behind it, and the image that names it. */
import { asDigest } from "../../../harness/base/units.ts";
import type { InstallerImage } from "../../../images/image.ts";
import { frozen } from "../../golden/frozen.ts";

const place = { path: "/x", start: 0, size: 1 };

/** It carries no image, and its menu says nothing to the kernel. */
export const installerIso: InstallerImage = frozen({
  ...{ path: "/os.iso", label: "OS", digest: asDigest(`sha256:${"1".repeat(64)}`), stamp: "" },
  ...{ kernel: place, initrd: place, arguments: [], carriesImage: false, family: "anaconda" },
});

/** What a candidate that is an ISO is: neither a disk nor an OCI image. */
export const isoImage = (installer: InstallerImage = installerIso, name = "os.iso") => ({
  ...{ name, digest: installer.digest, manifest: null, architecture: "x86_64" as const },
  ...{ disk: null, installer, oci: null, follows: null, standIns: [] as readonly string[] },
});
