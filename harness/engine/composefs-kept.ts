/** Whether bootc's composefs backend keeps what its deployments need, and nothing of one that is gone. */
import type { Guest } from "../guest/guest.ts";
import { readKept } from "../guest/tools/composefs-kept.ts";
import { expectEqual, expectThat } from "./expect.ts";

/**
 * Holds what is on the disk against the deployments that bootc tells. `gone` is the fs-verity digest of one that there was before, if any. Returns
 * what could not be looked at, as a sentence, or null. Throws ExpectationFailed.
 */
export async function expectOnlyDeployed(guest: Guest, gone = ""): Promise<string | null> {
  const { booted, staged, rollback, otherDeployments } = (await guest.bootc.status()).status;
  const deployed = [booted, staged, rollback, ...otherDeployments].flatMap((entry) =>
    entry?.composefs == null ? [] : [entry.composefs],
  );
  const needed = [...new Set(deployed.map(({ verity }) => verity))].sort();
  const { states, images, kernels, unified } = await readKept(guest);
  const missing = needed.filter((verity) => !images.includes(verity));
  expectEqual("The list of deployments whose root does not have an image", missing, []);
  expectEqual("The list of deployments that have a state on the disk", states, needed);
  expectThat(!images.includes(gone), "The image of a root is left that no deployment has.", {
    image: `/sysroot/composefs/images/${gone}`,
  });
  const unbooted = unified.filter((verity) => !needed.includes(verity));
  expectEqual("The list of unified kernels that no deployment boots", unbooted, []);
  const pairs = new Set(deployed.map(({ bootDigest }) => bootDigest));
  expectThat(
    pairs.has(null) || kernels.length <= pairs.size,
    "More kernels are left than the deployments boot.",
    { kernels: kernels.join("\n"), "that are booted": String(pairs.size) },
  );
  return kernels.length + unified.length > 0
    ? null
    : "What the boot loader starts is not mounted, so it was not looked at.";
}
