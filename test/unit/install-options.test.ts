// What an installer ISO is told, where there is nothing to tell it.
import { expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { kickstartFor } from "../../harness/cli/wiring/install-options.ts";
import type { InstallerImage } from "../../images/image.ts";
import { isoImage as image, installerIso as iso } from "./support/installer-iso.ts";

const options = {
  wish: {
    ...({ backend: "ostree", bootloader: null, filesystem: null } as const),
    ...{ kernelArguments: [], sizeMiB: null },
  },
  registry: { address: "10.0.2.100", port: 5000 },
};

test("a live medium is not taken for an installer that lacks a kickstart", async () => {
  const live = { ...iso, arguments: ["root=live:CDLABEL=Fedora-WS-Live-43", "rd.live.image"] };
  const refused = kickstartFor(image(live, "/isos/live.iso"), options);
  await expect(refused).rejects.toThrow(
    /'live\.iso' is a live medium, which installs nothing by itself[\s\S]*run live --candidate/,
  );
  await expect(refused).rejects.toBeInstanceOf(UsageError);
  await expect(kickstartFor(image(iso), options)).rejects.toThrow(/Nobody says what/);
});

test("a live medium that carries an image is installed from like any other", async () => {
  const both = { ...iso, arguments: ["rd.live.image"], carriesImage: true };
  expect(await kickstartFor(image(both), options)).toMatchObject({ author: "harness" });
});

test("Debian's installer is not started by a boot loader that no serial port shows", async () => {
  const debian: InstallerImage = { ...iso, family: "debian-installer" };
  const refused = kickstartFor(image(debian), { ...options, installerBoot: "loader" });
  await expect(refused).rejects.toThrow(/Debian's installer is started directly only/);
});
