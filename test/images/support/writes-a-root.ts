/** Writes the root of an image and tells the error: run under a limit of the kernel on the length of files. */
import { readOciImage } from "../../../images/origins/oci-layout.ts";
import { writeRootImage } from "../../../images/rootfs/write-image.ts";

const [, , layout = "", target = ""] = process.argv;
const image = await readOciImage(layout, "v1");
const { signal } = new AbortController();
await writeRootImage({ image, target, extra: [], onProgress: () => undefined, signal }).catch(
  (error: unknown) => console.log(String(error)),
);
