/** Whether an ostree repository has the layers that its deployments' images need, and nothing of a layer that it should not have. */
import type { Guest } from "../guest/guest.ts";
import { missingLayers } from "../guest/tools/ostree.ts";
import { expectEqual, expectThat } from "./expect.ts";

/** The layers in the repository are those of the deployments' images: none too many and none too few. Throws ExpectationFailed. */
export async function expectNoOrphan(guest: Guest): Promise<void> {
  const layers = await guest.ostree.layers();
  const { stored, needed } = layers;
  const orphans = stored.filter((digest) => !needed.includes(digest));
  const missing = missingLayers(layers);
  expectThat(needed.length > 0, "No deployment tells of its layers.");
  expectEqual("The layers that no deployment needs", orphans, []);
  expectEqual("The layers that a deployment needs and that are gone", missing, []);
}

/**
 * Nothing is kept of layers that did not come whole, and nothing is gone. Whole layers of a pull that failed may stay: ostree-ext has a ref for each
 * that it has finished, goes on from them, and lets go of them once something is staged (bootc-dev/bootc, `container/store.rs`). Throws ExpectationFailed.
 */
export async function expectNoneOf(guest: Guest, spoiled: readonly string[]): Promise<void> {
  const layers = await guest.ostree.layers();
  const kept = spoiled.filter((digest) => layers.stored.includes(digest));
  expectEqual("The list of layers that are kept though they did not come whole", kept, []);
  const missing = missingLayers(layers);
  expectEqual("The layers that a deployment needs and that are gone", missing, []);
}
