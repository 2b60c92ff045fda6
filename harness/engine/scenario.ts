/**
 * What a scenario is: data that can be read without running it, and one function that tells the story from outside the
 * guest, top to bottom. The id is the file's path, so it is never typed twice.
 */
import type { Architecture, Image, ImageChange, ImagePromise } from "../../images/image.ts";
import type { PowerCuts } from "../cuts/cuts.ts";
import type { Guest } from "../guest/guest.ts";
import type { Capability, DiskBus, Firmware, GuestForward } from "../machine/machine.ts";
import type { UpdateState } from "../states/bring-to.ts";
import type { GuestScreen } from "./guest-screen.ts";
import type { SignedImages } from "./signed-images.ts";
import type { Signer } from "./signer.ts";

export type { Signer } from "./signer.ts";

/**
 * `gate`: what each change of an image must show before it is promoted, and what a pull request has time for: some ten
 * minutes under emulation. `full`: everything, the gate included, for nights and releases.
 */
export type Suite = "gate" | "full";

/** Seconds or bytes that a policy can have a budget for. */
export type BudgetMeasure =
  | "install.seconds"
  | "upgrade.seconds"
  | "reboot.seconds"
  | "pulled.bytes";

export interface ScenarioNeeds<Role extends string> {
  /** Image roles: `candidate`, `previous`, … Each becomes a key of `images`. */
  readonly images: readonly Role[];
  /** Roles that are booted, so need an installed disk. Default: all. */
  readonly boots?: readonly Role[];
  /** Roles that must be an installer ISO. Default: none has to, and any image with or without a disk will do. */
  readonly installs?: readonly Role[];
  /** Roles that must be a live medium, which is booted itself: it needs no disk. Default: none. */
  readonly live?: readonly Role[];
  /** The kickstart command by which such an ISO installs. Default: whichever the run says, and its kickstart. */
  readonly kickstart?: "ostreecontainer" | "bootc";
  /** How many guests stand at once at most: the host must have room for all of them. Default 1. */
  readonly guests?: number;
  /** Roles that a registry serves, so need an OCI image. Default: none. */
  readonly publishes?: readonly Role[];
  /** Firmware kinds the story makes sense on. Default: all. */
  readonly firmware?: readonly Firmware[];
  /** What the candidate must have promised for the story to make sense. Default: nothing. Skipped where it is known not to. */
  readonly promises?: readonly ImagePromise[];
  /** The candidate must have packages of another kernel (`--kernel-packages`), which `derive` puts into an image of it. Default: it need not. */
  readonly kernelPackages?: true;
  /** What the machine must be able to do. Default: nothing beyond switching on. */
  readonly capabilities?: readonly Capability[];
  /** Architectures that the story makes sense on. Default: all. */
  readonly architectures?: readonly Architecture[];
  /** What a guest must have at least, MiB. Default: whatever the run gives (`--memory`). */
  readonly memoryMiB?: number;
  /**
   * What the guest of the role `previous` has behind it when the story gets it. `booted` (default): its boot. `staged`: it follows
   * `os:stable` of a registry, and the candidate is staged. `upgraded`: it has booted into that, with the previous image for
   * rollback. Made once for all stories that say so, and forked; where it cannot be forked, by the story's own boot. The story
   * opens its registry before, with `os:stable` standing for the candidate.
   */
  readonly from?: "booted" | UpdateState;
  /** Disks of a guest beside the one that it boots from, each empty and of this size, MiB. Default: none. */
  readonly blankDisksMiB?: readonly number[];
  /** The machine must have a TPM 2.0, which the run gives it (`--tpm`). Default: it need not. */
  readonly tpm?: true;
  /** What the disks of its guests hang on. Default: virtio-blk. */
  readonly diskBus?: DiskBus;
}

export interface ScenarioDefinition<Role extends string> {
  /** One line, says what is proved. */
  readonly summary: string;
  readonly needs: ScenarioNeeds<Role>;
  /** The smallest suite that has it: `full` for a story that is too long or too rare a fault for each change. Default: `gate`. */
  readonly suite?: Suite;
  /**
   * What playing it measures, for the policy's budgets. Default: nothing. `boot.seconds` is not listed: every cold boot
   * takes it. A test sees that what is declared is measured.
   */
  readonly measures?: readonly BudgetMeasure[];
  /** `cold` where the boot itself is what is tested; `fork` (default) starts from a guest that was booted once. */
  readonly start?: "cold" | "fork";
  /** Budget on a host with hardware acceleration; scaled on emulation. */
  readonly timeoutMinutes: number;
  run(stage: Stage<Role>): Promise<void>;
}

/** The suites that a scenario is in: `full` has all of them. */
export const suitesOf = ({ suite = "gate" }: { readonly suite?: Suite }): readonly Suite[] =>
  suite === "gate" ? ["gate", "full"] : ["full"];

/** A published reference as the guest names it: `10.0.2.100:5000/os:stable`. */
export type Reference = string;

/** An image of an index (image-spec, image-index.md). */
export interface IndexEntry {
  /** OCI's word: `amd64`, `s390x`. */
  readonly architecture: string;
  readonly image: Image;
}

/** A registry of this scenario's own, reached by the guests booted after it was opened. */
export interface Shelf extends AsyncDisposable {
  /** Makes `name` (`os:stable`) stand for the image; returns the reference guests use. */
  publish(name: string, image: Image): Promise<Reference>;
  /** Makes `name` stand for an image of one small file that is not a system: an application, for stories about those. */
  publishSmall(name: string, text: string): Promise<Reference>;
  /** Makes `name` stand for an index of these images, in this order. What an image is for is said by its entry alone. */
  publishIndex(name: string, entries: readonly IndexEntry[]): Promise<Reference>;
  /** Deletes what `name` stands for, if anything: the tag, its manifest, and all other tags of that manifest. */
  remove(name: string): Promise<void>;
  /**
   * Somebody who signs its images: with attachments of sigstore, or by simple signing with a server that guests fetch signatures from.
   * Throws HostUnfit where the host does not have what simple signing takes (gpg, skopeo).
   */
  signer(lookaside?: FileServer): Promise<Signer>;
}

/**
 * What goes wrong between guests and their registry for as long as it is there. A layer is a blob that a manifest names as one: an
 * image's configuration always comes whole. `times`: how often at most; without it, always.
 */
export type NetworkFault =
  /** Each connection is ended as it comes. */
  | { readonly kind: "down" }
  /** What is asked for is answered so. 429 asks to come again in a second (Retry-After). */
  | {
      readonly kind: "status";
      readonly status: 401 | 404 | 429 | 500;
      readonly of: "everything" | "manifests" | "layers";
      readonly times?: number;
    }
  /** A manifest has half of its bytes, and nothing else shows it. */
  | { readonly kind: "half-manifest" }
  /** The connection ends at this part of a layer's bytes, a number between 0 and 1, also for who asks for the rest of it. */
  | { readonly kind: "cut"; readonly at: number; readonly times?: number }
  /** One byte of each layer is another one. */
  | { readonly kind: "wrong-byte" }
  /** The first bytes of each layer come slowly; the others as ever, so that nobody waits for a large one. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number; readonly bytes: number };

/** A registry behind a proxy that does to its answers what a story says, and nothing before it says so. */
export interface FaultyShelf extends Shelf {
  /** From now on this goes wrong, in place of what did, and `met` counts from 0. */
  breakBy(fault: NetworkFault): void;
  /** From now on all is well. `met` keeps its count. */
  mend(): void;
  /** How often guests have met what goes wrong. */
  met(): number;
  /** Digests of the layers that guests have asked for and not got whole yet: refused, cut off, or with a wrong byte. */
  spoiled(): readonly string[];
}

/** A server of files over HTTP of this scenario's own, reached by the guests booted after it was opened. */
export interface FileServer extends AsyncDisposable {
  /** Serves the content at a path (`/ks.cfg`), instead of what was there; returns the URL that guests use. */
  serve(path: string, content: string | Uint8Array): string;
  /**
   * The same with an image as one file, an `oci-archive` of containers-transports(5). Throws CannotTell for one that does not fit
   * into it, such as an image with Docker's manifest.
   */
  serveImage(path: string, image: Image): Promise<string>;
  /** Serves nothing at the path any more: who asks for it is answered 404. */
  remove(path: string): void;
  /** How often the path was asked for by GET, whatever the answer. */
  askedFor(path: string): number;
}

/**
 * A repository of RPM packages over HTTP, of packages that the harness makes, reached by the guests booted after it was opened. They
 * are not signed. What they are stands in `images/rpm/packages.ts`.
 */
export interface RpmRepository extends AsyncDisposable {
  /** What `--repofrompath` of dnf5 is told. */
  readonly url: string;
  /** How often guests asked for a path below it (`repodata/repomd.xml`), whatever the answer. */
  askedFor(path: string): number;
}

/** What a story can have around its guests. A further fixture is a row here, and one where they are wired (`cli/wiring/fixtures.ts`). */
export interface Fixtures {
  readonly registry: Shelf;
  /** Guests find it where they find `registry`, so a story has one of the two. */
  readonly faultyRegistry: FaultyShelf;
  readonly files: FileServer;
  readonly rpms: RpmRepository;
}
export type FixtureName = keyof Fixtures;

/** A fixture that stands, with all that the stage has to know of it. Disposing ends it; it never throws. */
export interface OpenFixture<Handle extends AsyncDisposable> extends AsyncDisposable {
  /** What the story is given. Its disposer need not be the fixture's: the stage puts its own in its place. */
  readonly handle: Handle;
  /** By which guests reach it. Machines that are made from now on are given them. */
  readonly forwards: readonly GuestForward[];
  /** Rejects with MachineFault when it ends though nobody asked it to; never resolves. */
  readonly died: Promise<never>;
  /** What it can tell at its end, by the measure's name. Absent: nothing. */
  readonly measures?: () => Promise<Readonly<Record<string, number>>>;
}

/** Opens a fixture by its name, for one attempt of one job. */
export type FixtureOpener = <Name extends FixtureName>(
  name: Name,
) => Promise<OpenFixture<Fixtures[Name]>>;

export interface BootOptions {
  /** The reference the guest must track. Where its disk tracks another one the origin is changed, and that is listed as a deviation. */
  readonly follows?: Reference;
}

/** What a scenario is given. */
export interface Stage<Role extends string = string> {
  readonly images: Readonly<Record<Role, Image>>;
  /** Boots an image and logs in. It is itself a step. Bind the guest by `await using`. */
  boot(image: Image, options?: BootOptions): Promise<Guest>;
  /** Makes an image of another by one small layer more. It can be published and has no disk. Reports say that it was made. */
  derive(image: Image, change: ImageChange): Promise<Image>;
  /**
   * Opens something around the guests, one of its kind at a time. It is the stage's, which ends it with the story at the
   * latest; guests booted afterwards can reach it, and its death is nobody's failure. Bind it by `await using`.
   */
  use<Name extends FixtureName>(name: Name): Promise<Fixtures[Name]>;
  /** `use("registry")`. */
  registry(): Promise<Shelf>;
  /** Has a guest take what the registry serves under a reference only as a signer signed it (`signed-images.ts`). Skips where it cannot be told so. */
  requireSigned(guest: Guest, reference: Reference, signer: Signer): Promise<SignedImages>;
  /** Names a claim in the present tense; the name is a JUnit test case. Evidence is taken at the throw. */
  step<T>(claim: string, body: () => Promise<T>): Promise<T>;
  /**
   * Power cuts of a guest whose writes were recorded (`write-log`) and whose machine is off, from a place in its record on. The stage
   * ends them; where the story failed, the record is kept with the evidence.
   */
  cuts(guest: Guest, since: number): Promise<PowerCuts>;
  /** What the display of a guest shows. Throws CannotTell for a machine without one. */
  screen(guest: Guest): GuestScreen;
  /** A fact worth a line in every report. */
  note(text: string): void;
  /** Ends the story without a judgement: what it is about is not in this image, and nobody promised it. Say what is missing. */
  skip(reason: string): never;
}

/** Declares a scenario; the roles asked for become the keys of `images`. */
export function scenario<const Role extends string>(
  definition: ScenarioDefinition<Role>,
): ScenarioDefinition<Role> {
  return definition;
}

/** A scenario together with its id, as found on disk. */
export interface LoadedScenario {
  /** Path below scenarios/ without `.ts`: `bootc/upgrade-rollback`. */
  readonly id: string;
  readonly definition: ScenarioDefinition<string>;
}
