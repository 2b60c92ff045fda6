import type { FileServer, NetworkFault, Signer } from "../../harness/engine/scenario.ts";

/** Where simulated guests find a registry. */
export const guestAddress = "10.0.2.100";
export const guestPort = 5000;

/** What simulated guests and their machines are. */
const ownArchitecture = "amd64";

interface SimulatedIndexEntry {
  readonly architecture: string;
  readonly image: { readonly digest: string };
}

/** What the names of one registry stand for. */
export class SimulatedNames {
  /** Tags, and images by their digests (`os@sha256:…`) → digest of the image that a guest gets. */
  readonly images = new Map<string, string>();
  /** Tags that stand for an index → digest of its first image. */
  readonly firsts = new Map<string, string>();

  put(name: string, digest: string): void {
    this.firsts.delete(name);
    this.images.set(name, digest).set(`${repositoryOf(name)}@${digest}`, digest);
  }

  putIndex(name: string, entries: readonly SimulatedIndexEntry[]): void {
    this.images.delete(name);
    const own = entries.find(({ architecture }) => architecture === ownArchitecture);
    if (own !== undefined) this.put(name, own.image.digest);
    this.firsts.set(name, entries[0]?.image.digest ?? "");
  }

  /** A registry has one manifest for all tags of a repository that stand for it. */
  remove(name: string): void {
    const digest = this.images.get(name);
    this.firsts.delete(name);
    for (const [other, of] of this.images)
      if (of === digest && repositoryOf(other) === repositoryOf(name)) this.images.delete(other);
  }
}

const repositoryOf = (name: string): string => name.replace(/[:@].*$/, "");

/** The registry of one scenario in a simulated world; the shape of the real fixture's. */
export interface SimulatedShelf extends AsyncDisposable {
  readonly guestAddress: string;
  readonly guestPort: number;
  readonly hostPort: number;
  readonly died: Promise<never>;
  /** Makes `name` (`os:stable`) stand for the image; returns the reference guests use. */
  publish(name: string, image: { readonly digest: string }): Promise<string>;
  publishSmall(name: string, text: string): Promise<string>;
  publishIndex(name: string, entries: readonly SimulatedIndexEntry[]): Promise<string>;
  remove(name: string): Promise<void>;
  signer(lookaside?: FileServer): Promise<Signer>;
}

/** What goes wrong between guests and a registry of the world, and what of it they have met. */
export class SimulatedTrouble {
  fault: NetworkFault | null = null;
  met = 0;
  readonly spoiled = new Set<string>();

  breakBy(fault: NetworkFault): void {
    this.fault = fault;
    this.met = 0;
  }

  /** The fault where it still goes wrong; whether it is met is the caller's to say. */
  get now(): NetworkFault | null {
    const { times = Number.POSITIVE_INFINITY } = (this.fault ?? {}) as { readonly times?: number };
    return this.met < times ? this.fault : null;
  }
}
