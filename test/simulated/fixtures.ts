/** The fixtures of a simulated world: what stories open around simulated guests, in the shape of the real ones. */
import { CannotTell } from "../../harness/base/errors.ts";
import type { FixtureTable } from "../../harness/engine/open-fixtures.ts";
import type {
  FaultyShelf,
  FileServer,
  OpenFixture,
  RpmRepository,
  Shelf,
} from "../../harness/engine/scenario.ts";
import { SimulatedTrouble } from "./shelf.ts";
import { guestAddress, type SimulatedWorld } from "./world.ts";

const never = new Promise<never>(() => undefined);
const filesPort = 8080;
const rpmsPort = 8081;

/** What an image is as one file, to the simulated guest: a name for its digest. */
export const archiveText = (digest: string): string => `oci-archive of ${digest}\n`;

/** A registry of the world. */
export function simulatedRegistry(world: SimulatedWorld): OpenFixture<Shelf> {
  const shelf = world.openShelf();
  const { guestPort, hostPort, died } = shelf;
  return {
    handle: shelf,
    forwards: [{ guestAddress: shelf.guestAddress, guestPort, hostPort }],
    died,
    [Symbol.asyncDispose]: () => shelf[Symbol.asyncDispose](),
  };
}

/** The same with what a story says going wrong before it. */
export function simulatedFaultyRegistry(world: SimulatedWorld): OpenFixture<FaultyShelf> {
  const trouble = new SimulatedTrouble();
  const shelf = world.openShelf(trouble);
  const { guestPort, hostPort, died } = shelf;
  return {
    handle: {
      publish: (name, image) => shelf.publish(name, image),
      publishSmall: (name, text) => shelf.publishSmall(name, text),
      publishIndex: (name, entries) => shelf.publishIndex(name, entries),
      remove: (name) => shelf.remove(name),
      signer: (lookaside) => shelf.signer(lookaside),
      breakBy: (fault) => trouble.breakBy(fault),
      mend: () => {
        trouble.fault = null;
      },
      met: () => trouble.met,
      spoiled: () => [...trouble.spoiled],
      [Symbol.asyncDispose]: () => shelf[Symbol.asyncDispose](),
    },
    forwards: [{ guestAddress, guestPort, hostPort }],
    died,
    [Symbol.asyncDispose]: () => shelf[Symbol.asyncDispose](),
  };
}

/** A server of files of the world. */
export function simulatedFiles(world: SimulatedWorld): OpenFixture<FileServer> {
  const { hostPort, files, [Symbol.dispose]: end } = world.openFiles();
  const serve = (path: string, content: string | Uint8Array): string => {
    files.set(path, String(content));
    return `http://${guestAddress}:${filesPort}${path}`;
  };
  const dispose = async (): Promise<void> => end();
  return {
    handle: {
      serve,
      async serveImage(path, { name, digest, oci }) {
        if (oci?.hasDockerManifest === true)
          throw new CannotTell(`The image '${name}' could not be written as one file.`);
        return serve(path, archiveText(digest));
      },
      remove: (path) => void files.delete(path),
      askedFor: () => 0,
      [Symbol.asyncDispose]: dispose,
    },
    forwards: [{ guestAddress, guestPort: filesPort, hostPort }],
    died: never,
    [Symbol.asyncDispose]: dispose,
  };
}

/** A repository of the world: of its files only the metadata's are asked for. */
export function simulatedRpms(world: SimulatedWorld): OpenFixture<RpmRepository> {
  const { hostPort, files, asked, [Symbol.dispose]: end } = world.openFiles();
  files.set("/repodata/repomd.xml", "<repomd/>\n");
  const dispose = async (): Promise<void> => end();
  return {
    handle: {
      url: `http://${guestAddress}:${rpmsPort}/`,
      askedFor: (path) => asked.get(`/${path}`) ?? 0,
      [Symbol.asyncDispose]: dispose,
    },
    forwards: [{ guestAddress, guestPort: rpmsPort, hostPort }],
    died: never,
    [Symbol.asyncDispose]: dispose,
  };
}

/** All that stories can have around simulated guests. */
export const simulatedFixtures = (world: SimulatedWorld): FixtureTable => ({
  registry: async () => simulatedRegistry(world),
  faultyRegistry: async () => simulatedFaultyRegistry(world),
  files: async () => simulatedFiles(world),
  rpms: async () => simulatedRpms(world),
});
