/** The fixtures that a run has: a further one is a row here, and its words for stories stand in `engine/scenario.ts`. */
import { openFaultyRegistry } from "../../../fixtures/faulty-registry.ts";
import { openFileServer } from "../../../fixtures/file-server.ts";
import type { RegistryFixture, Shelf } from "../../../fixtures/registry.ts";
import { openRpmRepository } from "../../../fixtures/rpm-repository.ts";
import { cacheRoot } from "../../base/places.ts";
import type { FixtureTable } from "../../engine/open-fixtures.ts";
import type { OpenFixture } from "../../engine/scenario.ts";

/** The table of a run whose registries take their images from one store. */
export const fixtureTable = (registry: RegistryFixture, signal: AbortSignal): FixtureTable => ({
  async registry({ images, guests }) {
    await registry.prepare(images);
    return asFixture(await registry.open(guests));
  },
  async faultyRegistry({ images, guests }) {
    await registry.prepare(images);
    return await openFaultyRegistry(registry, guests);
  },
  files: ({ guests: { address } }) => openFileServer({ address, signal }),
  rpms: ({ guests: { address } }) => openRpmRepository({ address, cacheDir: cacheRoot(), signal }),
});

function asFixture(shelf: Shelf): OpenFixture<Shelf> {
  const { guestAddress, guestPort, hostPort, died } = shelf;
  return {
    handle: shelf,
    forwards: [{ guestAddress, guestPort, hostPort }],
    died,
    measures: async () => ({ "pulled.bytes": await shelf.pulledBytes() }),
    [Symbol.asyncDispose]: () => shelf[Symbol.asyncDispose](),
  };
}
