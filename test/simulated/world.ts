/**
 * What exists outside a simulated guest: images by digest, and registries whose tags stand for digests. A registry is
 * reached as in real life, by a forward of the machine to its port, so a guest sees only what it was given.
 */
import { createHash } from "node:crypto";
import { asDigest, type Digest } from "../../harness/base/units.ts";
import { isAtLeast } from "../../harness/guest/tools/program-version.ts";
import type { GuestForward } from "../../harness/machine/machine.ts";
import type { ImageChange, PackageStep } from "../../images/image.ts";
import { greenbootFiles } from "./greenboot-files.ts";
import type { MenuForm } from "./grub-menu.ts";
import { changedImage } from "./image-change.ts";
import { changedPackages } from "./image-packages.ts";
import type { LoaderFacts } from "./loader-facts.ts";
import {
  guestAddress,
  guestPort,
  SimulatedNames,
  type SimulatedShelf,
  SimulatedTrouble,
} from "./shelf.ts";
import { shippedEtc } from "./shipped-etc.ts";
import { SimulatedSignatures } from "./signatures.ts";
import type { SimulatedImage } from "./simulated-image.ts";
import type {
  HealthChecks,
  HiddenMenu,
  SimulatedBootc,
  SimulatedGreenboot,
  SimulatedKind,
  SimulatedLock,
  WorldOptions,
} from "./world-options.ts";

export type { SimulatedImage } from "./simulated-image.ts";

/** The release of the kernel that an image has. */
export const kernelOf = ({ otherKernel = "7.2.0-sim" }: SimulatedImage): string => otherKernel;

const ownPrepareRoot = (kind: SimulatedKind): string =>
  kind === "bootc-composefs" ? "# All is as bootc has it.\n" : "[composefs]\nenabled = yes\n";

export { guestAddress, guestPort } from "./shelf.ts";

/** What a server of files has: path → content, and path → how often guests asked for it. */
export interface FilesOfServer {
  readonly files: Map<string, string>;
  readonly asked: Map<string, number>;
}

/** Shared by the driver and the registry fixture of a test. */
export class SimulatedWorld {
  /** What an installed disk follows from the start. */
  readonly follows: string;
  readonly kind: SimulatedKind;
  readonly bootc: SimulatedBootc;
  readonly etc: Readonly<Record<string, string>>;
  /** True where nothing lies in its /usr/lib/bootc/install. */
  readonly lacksInstallConfig: boolean;
  readonly prepareRoot: string;
  /** True where a system of bootc's does not have rpm-ostree. */
  readonly lacksRpmOstree: boolean;
  readonly refusesLayeredSwitch: boolean;
  readonly dnfVersion: string;
  readonly dnfSettings: Readonly<Record<string, string>>;
  readonly patched: readonly string[];
  readonly wantsKernel: "matched" | "other" | null;
  readonly rootIsMirrored: boolean;
  readonly neverSettles: boolean;
  readonly hidesMenu: HiddenMenu;
  readonly menuForm: MenuForm;
  readonly isBootupdOld: boolean;
  readonly lacksMigration: boolean;
  readonly loader: LoaderFacts;
  readonly #packages: readonly PackageStep[];
  readonly #baseDatabase: readonly string[] | null;
  readonly rollsBackItself: boolean;
  readonly rootLock: SimulatedLock | null;
  readonly healthChecks: HealthChecks;
  readonly greenboot: SimulatedGreenboot | null;
  readonly desktop: string | null;
  readonly #images = new Map<string, SimulatedImage>();
  readonly #shelves = new Map<number, SimulatedNames>();
  /** What goes wrong before registries, by their host ports. */
  readonly #troubles = new Map<number, SimulatedTrouble>();
  readonly #signatures = new SimulatedSignatures();
  /** Servers of files by their host ports: path → content. */
  readonly #servers = new Map<number, FilesOfServer>();
  #nextPort = 40_000;

  constructor(options: WorldOptions = {}) {
    this.follows = options.follows ?? `${guestAddress}:${guestPort}/os:stable`;
    this.kind = options.kind ?? "bootc";
    this.bootc = options.bootc ?? "1.16.9";
    this.etc = options.etc ?? {};
    this.lacksInstallConfig = options.lacksInstallConfig ?? false;
    this.prepareRoot = options.prepareRoot ?? ownPrepareRoot(this.kind);
    this.lacksRpmOstree = options.lacksRpmOstree ?? false;
    this.refusesLayeredSwitch = options.refusesLayeredSwitch ?? false;
    this.dnfVersion = options.dnfVersion ?? "5.4.6.0";
    this.dnfSettings = options.dnfSettings ?? {};
    this.patched = options.patched ?? [];
    this.wantsKernel = options.wantsKernel ?? null;
    this.#packages = options.packages ?? [];
    this.#baseDatabase = options.baseDatabase === undefined ? [] : options.baseDatabase;
    this.rootIsMirrored = options.rootIsMirrored ?? false;
    this.neverSettles = options.neverSettles ?? false;
    this.hidesMenu = options.hidesMenu ?? null;
    this.menuForm = options.menuForm ?? "boxed";
    this.isBootupdOld = options.isBootupdOld ?? false;
    this.lacksMigration = options.lacksMigration ?? false;
    this.loader = options.loader ?? {};
    this.rollsBackItself = options.rollsBackItself ?? false;
    this.rootLock = options.rootLock ?? null;
    this.healthChecks = options.healthChecks ?? null;
    this.greenboot = options.greenboot ?? null;
    this.desktop = options.desktop ?? null;
  }

  /** What keeps the deployments. */
  get backend(): "ostree" | "composefs" | null {
    if (this.kind === "package") return null;
    return this.kind === "bootc-composefs" ? "composefs" : "ostree";
  }

  /** Whether its bootc is this release or a later one. */
  isAtLeast(release: string): boolean {
    return isAtLeast(`bootc ${this.bootc}`, release);
  }

  addImage(image: SimulatedImage): void {
    this.#images.set(image.digest, image);
  }

  /** The image of a digest; one that nobody described has a version made of its digest. */
  image(digest: string): SimulatedImage {
    const known = this.#images.get(digest);
    if (known !== undefined) return known;
    const version = `sim-${digest.slice(-6)}`;
    const { installed, files } = changedPackages({}, this.#packages);
    const greenboot = greenbootFiles(this.greenboot);
    const etc = { ...shippedEtc(version), ...greenboot.etc, ...this.etc };
    const facts = { digest, version, etc, files: { ...greenboot.files, ...files } };
    const image = { ...facts, packages: installed, baseDatabase: this.#baseDatabase };
    this.#images.set(digest, image);
    return image;
  }

  /** As the real one: the image with what the change adds to it. Of its files kernel arguments and /etc are known here. */
  changed<Real extends { readonly name: string; readonly digest: Digest }>(
    image: Real,
    change: ImageChange,
  ): Real {
    const hides = this.dnfSettings["excludepkgs"] !== undefined;
    const made = changedImage(this.image(image.digest), change, hides);
    this.addImage(made);
    const digest = asDigest(made.digest);
    return {
      ...image,
      name: `${image.name} (derived: ${change.name})`,
      digest,
      manifest: digest,
      disk: null,
    };
  }

  openShelf(trouble = new SimulatedTrouble()): SimulatedShelf {
    const hostPort = this.#nextPort++;
    this.#troubles.set(hostPort, trouble);
    const names = new SimulatedNames();
    this.#shelves.set(hostPort, names);
    const referenceOf = (name: string): string => `${guestAddress}:${guestPort}/${name}`;
    return {
      guestAddress,
      guestPort,
      hostPort,
      died: new Promise<never>(() => undefined),
      async publish(name, { digest }) {
        names.put(name, digest);
        return referenceOf(name);
      },
      async publishSmall(name, text) {
        names.put(name, `sha256:${createHash("sha256").update(text).digest("hex")}`);
        return referenceOf(name);
      },
      async publishIndex(name, entries) {
        names.putIndex(name, entries);
        return referenceOf(name);
      },
      remove: async (name) => names.remove(name),
      signer: async (lookaside) =>
        this.#signatures.signer({ hostPort, tags: names.images, lookaside }),
      [Symbol.asyncDispose]: async () => void this.#shelves.delete(hostPort),
    };
  }

  /** The signature that is attached to an image in the registry of a reference, or null. */
  attachment(reference: string, digest: string, forwards: readonly GuestForward[]): string | null {
    return this.#signatures.attached(this.#portOf(reference, forwards), digest);
  }

  /** A server of files: what it serves, how often each path was asked for, and its port on the host. */
  openFiles(): FilesOfServer & { readonly hostPort: number } & Disposable {
    const hostPort = this.#nextPort++;
    const server = { files: new Map<string, string>(), asked: new Map<string, number>() };
    this.#servers.set(hostPort, server);
    return { ...server, hostPort, [Symbol.dispose]: () => void this.#servers.delete(hostPort) };
  }

  /** What a guest gets for a URL: the content, null for what is not served, undefined where nobody answers. */
  fetch(url: string, forwards: readonly GuestForward[]): string | null | undefined {
    const [, host = "", path = ""] = /^http:\/\/([^/]+)(\/.*)$/.exec(url) ?? [];
    const hostPort = forwards.findLast(
      (entry) => `${entry.guestAddress}:${entry.guestPort}` === host,
    )?.hostPort;
    const server = hostPort === undefined ? undefined : this.#servers.get(hostPort);
    if (server === undefined) return undefined;
    server.asked.set(path, (server.asked.get(path) ?? 0) + 1);
    return server.files.get(path) ?? null;
  }

  /** The digest a reference stands for as seen through a machine's forwards, or null when it cannot be had. */
  resolve(reference: string, forwards: readonly GuestForward[]): string | null {
    return this.#names(reference, forwards)?.images.get(nameIn(reference)) ?? null;
  }

  /** The digest of the first image of the index that a reference stands for; null where it stands for none. */
  firstOfIndex(reference: string, forwards: readonly GuestForward[]): string | null {
    return this.#names(reference, forwards)?.firsts.get(nameIn(reference)) ?? null;
  }

  /** What goes wrong on the way to the registry of a reference; undefined where there is none. */
  troubleAt(reference: string, forwards: readonly GuestForward[]): SimulatedTrouble | undefined {
    const hostPort = this.#portOf(reference, forwards);
    return hostPort === undefined ? undefined : this.#troubles.get(hostPort);
  }

  /** True where the registry of a reference answers. */
  reaches(reference: string, forwards: readonly GuestForward[]): boolean {
    return this.#names(reference, forwards) !== undefined;
  }

  #names(reference: string, forwards: readonly GuestForward[]): SimulatedNames | undefined {
    const hostPort = this.#portOf(reference, forwards);
    return hostPort === undefined ? undefined : this.#shelves.get(hostPort);
  }

  #portOf(reference: string, forwards: readonly GuestForward[]): number | undefined {
    const registry = reference.slice(0, reference.indexOf("/"));
    // A later forward to the same address is the newer one.
    return forwards.findLast((entry) => `${entry.guestAddress}:${entry.guestPort}` === registry)
      ?.hostPort;
  }
}

const nameIn = (reference: string): string => reference.slice(reference.indexOf("/") + 1);
