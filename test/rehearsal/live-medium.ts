/** A live medium of the simulated guest, and machines with a screen that shows what a test wants. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import type { Picture } from "../../harness/machine/console/screen-change.ts";
import type { MachineDriver, Screen } from "../../harness/machine/machine.ts";
import type { Image } from "../../images/image.ts";
import { changed, withMachines } from "./machines.ts";

/** The image as a live ISO: a file from which its kernel can be taken, and no disk. */
export async function liveMedium(image: Image, folder: string): Promise<Image> {
  const path = join(folder, "live.iso");
  await writeFile(path, "ki");
  return {
    ...image,
    ...{ manifest: null, disk: null, oci: null },
    installer: {
      ...{ path, label: "LIVE", digest: image.digest, stamp: await fileStamp(path) },
      kernel: { path: "/images/pxeboot/vmlinuz", start: 0, size: 1 },
      initrd: { path: "/images/pxeboot/initrd.img", start: 1, size: 1 },
      arguments: ["root=live:CDLABEL=LIVE", "rd.live.image", "quiet"],
      carriesImage: false,
      family: "anaconda",
    },
  };
}

const [width, height] = [32, 20];

/** A screen of one colour, or with another colour for each pixel. */
export const screens: Readonly<Record<"blank" | "graphics", Picture>> = {
  blank: { width, height, pixels: new Uint8Array(width * height * 3) },
  graphics: {
    ...{ width, height },
    pixels: Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * 7919) % 251),
  },
};

/** A PNG begins with these bytes; nobody looks at the rest. */
const png = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

/** The driver, whose machines have a screen. */
export const withScreen = (driver: MachineDriver, picture: Picture): MachineDriver => {
  const screen: Screen = {
    screenshot: (path) => writeFile(path, png),
    picture: async () => picture,
  };
  const seeing = withMachines(driver, (machine) => changed(machine, { screen }));
  return { ...seeing, capabilities: new Set([...driver.capabilities, "screenshot" as const]) };
};
