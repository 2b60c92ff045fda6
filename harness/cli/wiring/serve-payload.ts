/** The image that an installer is to fetch, at a registry of its own. */
import type { GuestAddress, RegistryFixture } from "../../../fixtures/registry.ts";
import type { Image } from "../../../images/image.ts";
import type { ServedPayload } from "../../states/install/served-payload.ts";
import { servedName } from "../../states/installed-disk.ts";

/** Throws UsageError for an image that is not at hand as an OCI image, MachineFault where the registry does not take it. */
export async function servePayload(
  registry: RegistryFixture,
  image: Image,
  guests: GuestAddress,
): Promise<ServedPayload> {
  const shelf = await registry.open(guests);
  try {
    await shelf.publish(servedName, image);
  } catch (error) {
    await shelf[Symbol.asyncDispose]();
    throw error;
  }
  const { guestAddress, guestPort, hostPort, died } = shelf;
  return {
    forward: { guestAddress, guestPort, hostPort },
    died,
    [Symbol.asyncDispose]: () => shelf[Symbol.asyncDispose](),
  };
}
