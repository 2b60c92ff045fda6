/**
 * A small model of an image-based system: deployments with an /etc each, one /var, a staged deployment that is finalised at
 * shutdown, and a journal per boot. It holds what is on the disk; programs ask and change it.
 */
import { createHash, randomUUID } from "node:crypto";
import type { DiskBus, Firmware, GuestForward } from "../../harness/machine/machine.ts";
import { SimulatedBootLoader } from "./boot-loader.ts";
import { isEtcInMemory, isVarInMemory, requiresVerity } from "./composefs.ts";
import { checkFallback, noteNext } from "./greenboot.ts";
import { argumentsFor } from "./kernel-arguments.ts";
import { mergeEtc } from "./merge-etc.ts";
import { armWayBack, checkHealth } from "./red-green.ts";
import { isSabotaged, type SabotageName, type SabotagePlan } from "./sabotages.ts";
import type { SimulatedImage, SimulatedWorld } from "./world.ts";

export interface Deployment {
  readonly image: SimulatedImage;
  /** The reference it follows; `switch --mutate-in-place` changes it. */
  reference: string;
  readonly transport: string;
  readonly checksum: string;
  /** fs-verity digest of the image, with the composefs backend. */
  readonly verity: string;
  readonly serial: number;
  /** Name below /etc → content. */
  etc: Map<string, string>;
  downloadOnly: boolean;
  /** Its origin asks for signatures. */
  enforced?: boolean;
  pinned: boolean;
  /** What it is booted with beside what names it. */
  readonly kargs: readonly string[];
  /** What rpm-ostree made of the image's packages, in the words of `changed-base.ts`. */
  readonly layered: readonly string[];
  /** What `upgrade --check` found last while it was booted. */
  cachedUpdate: SimulatedImage | null;
}

/** What a process sees of mounts that can be changed; a mount namespace has its own copy. */
export interface MountState {
  sysrootWritable: boolean;
  usrWritable: boolean;
}

export interface JournalLine {
  readonly unit: string;
  readonly seconds: number;
  readonly text: string;
}

export interface SystemOptions {
  readonly world: SimulatedWorld;
  readonly digest: string;
  readonly forwards: readonly GuestForward[];
  readonly plan: SabotagePlan;
  /** Default virtio. */
  readonly diskBus?: DiskBus | undefined;
  /** Default UEFI without Secure Boot. */
  readonly firmware?: Firmware | undefined;
}

const finalizeUnits = {
  ostree: "ostree-finalize-staged.service",
  composefs: "bootc-finalize-staged.service",
} as const;

export class SimulatedSystem {
  readonly world: SimulatedWorld;
  /** A fork has its own. */
  forwards: readonly GuestForward[];
  #deployments: Deployment[] = [];
  /** Of the boot loader entries: 0 or 1 in their paths. ostree writes each set of them under the other one (ostree-sysroot-deploy.c). */
  bootVersion = 0;
  /** The one that it was started by. */
  bootedVersion = 1;
  booted: Deployment;
  staged: Deployment | null = null;
  hasFailedPull = false;
  /** Absolute path → content, below /var, /run and /tmp, and /usr where it can be written. */
  readonly files = new Map<string, string>();
  /** Newest last. */
  readonly boots: JournalLine[][] = [];
  bootId = "";
  /** Since the kernel started. */
  softReboots = 0;
  /** A power cut has left nothing to boot. */
  lacksKernel = false;
  /** Who can write to the overlay on /usr: everybody, or only who opens it for itself; null where there is none. */
  usrOverlay: "readWrite" | "readOnly" | null = null;
  /** What was installed into it. */
  overlayPackages: string[] = [];
  /** The transactions that dnf5 tells of, oldest first. */
  dnfHistory: { readonly words: string; readonly packages: readonly string[] }[] = [];
  /** Kernel arguments that the machine got besides those of its installation. */
  readonly ownArguments: string[] = [];
  /** Reference → digest of what was pulled for it last. */
  readonly imported = new Map<string, string>();
  /** Digests of the layers in the repository. */
  readonly layers = new Set<string>();
  /** The mounts that every process has that was given none of its own. */
  readonly mounts: MountState = { sysrootWritable: false, usrWritable: false };
  readonly diskBus: DiskBus;
  readonly firmware: Firmware;
  readonly bootLoader: SimulatedBootLoader;
  readonly #plan: SabotagePlan;

  constructor({
    world,
    digest,
    forwards,
    plan,
    diskBus = "virtio",
    firmware = "uefi",
  }: SystemOptions) {
    this.world = world;
    this.firmware = firmware;
    this.diskBus = diskBus;
    this.forwards = forwards;
    this.#plan = plan;
    const named = this.deploy(world.image(digest), world.follows);
    this.booted = plan.sabotage === "installs-another" ? this.#counterfeit(named) : named;
    this.deployments = [this.booted];
    this.bootedVersion = this.bootVersion;
    this.imported.set(world.follows, digest);
    this.bootLoader = new SimulatedBootLoader(this, this.booted.image.version);
    this.collectLayers();
  }

  /** In boot order; the first one boots next. */
  get deployments(): Deployment[] {
    return this.#deployments;
  }

  set deployments(ordered: Deployment[]) {
    this.#deployments = ordered;
    this.bootVersion = 1 - this.bootVersion;
  }

  /** Two that all images have, and one of its own. */
  layersOf({ digest }: SimulatedImage): readonly string[] {
    const own = createHash("sha256").update(`layer of ${digest}`).digest("hex");
    return [...["a", "b"].map((letter) => `sha256:${letter.repeat(64)}`), `sha256:${own}`];
  }

  /** What bootc does once something is staged: what no deployment needs goes. */
  collectLayers(): void {
    const all = [...(this.staged === null ? [] : [this.staged]), ...this.deployments];
    const counted = this.is("prunes-pinned") ? all.filter(({ pinned }) => !pinned) : all;
    const needed = new Set(counted.flatMap(({ image }) => this.layersOf(image)));
    if (!this.is("keeps-layers"))
      for (const digest of this.layers) if (!needed.has(digest)) this.layers.delete(digest);
    for (const digest of needed) this.layers.add(digest);
    if (this.is("loses-layers") && this.rollback !== null)
      this.layers.delete(this.layersOf(this.rollback.image)[2] ?? "");
  }

  get #finalizeUnit(): string {
    return finalizeUnits[this.world.backend ?? "ostree"];
  }

  logStaged(): void {
    const what = this.world.backend === "composefs" ? "Composefs" : "OSTree";
    this.log(this.#finalizeUnit, `Finished - ${what} Finalize Staged Deployment.`);
  }

  is(name: SabotageName): boolean {
    return isSabotaged(this.#plan, name, this.booted.image.digest);
  }

  deploy(
    image: SimulatedImage,
    reference: string,
    transport = "registry",
    layered: readonly string[] = [],
  ): Deployment {
    const content = [image.digest, ...layered].join(" ");
    return {
      image,
      reference,
      transport,
      checksum: createHash("sha256").update(content).digest("hex"),
      verity: createHash("sha512").update(image.digest).digest("hex"),
      serial: 0,
      etc: new Map(Object.entries(image.etc)),
      downloadOnly: false,
      pinned: false,
      kargs: argumentsFor(image, {
        own: this.ownArguments,
        before: this.booted?.kargs ?? [],
        has: (name) => this.#plan.sabotage === name,
      }),
      layered,
      cachedUpdate: null,
    };
  }

  get rollback(): Deployment | null {
    return (
      this.deployments.find((deployment) => deployment !== this.booted && !deployment.pinned) ??
      null
    );
  }

  /** What is kept beside the two that are booted by turns. */
  get others(): readonly Deployment[] {
    const { booted, rollback } = this;
    return this.deployments.filter((one) => one !== booted && one !== rollback);
  }

  /** A new boot of the first deployment, or of the one whose place in the menu somebody has picked. */
  start(picked = 0): void {
    if (picked !== 0 && this.is("picked-stays")) this.deployments.reverse();
    const byItself = this.bootLoader.grub.defaultPlace();
    const place = this.is("picked-stays") || picked === 0 ? byItself : picked;
    this.booted = this.deployments[place] ?? this.booted;
    this.bootedVersion = this.bootVersion;
    checkFallback(this, byItself !== 0);
    this.bootId = randomUUID();
    this.softReboots = 0;
    this.mounts.sysrootWritable = false;
    // The composefs backend keeps it for as long as the boot lasts.
    if (this.world.backend === "composefs")
      for (const deployment of this.deployments) deployment.cachedUpdate = null;
    if (!this.is("overlay-stays")) this.usrOverlay = null;
    if (this.usrOverlay === null && !this.is("history-stays")) this.dnfHistory = [];
    const lost = `run|tmp${this.usrOverlay === null ? "|usr" : ""}${isVarInMemory(this) ? "|var" : ""}`;
    const passing = new RegExp(`^/(?:(?:${lost})/|[^/]+$)`);
    if (isEtcInMemory(this)) this.booted.etc = new Map(Object.entries(this.booted.image.etc));
    for (const path of this.files.keys()) if (passing.test(path)) this.files.delete(path);
    this.boots.push([]);
    this.bootLoader.start();
    this.log(
      "ostree-prepare-root.service",
      `composefs: mounted successfully (verity=${requiresVerity(this)})`,
    );
    this.log("init.scope", `Booted Simulated OS ${this.booted.image.version}.`);
    checkHealth(this);
    if (this.is("failed-unit")) this.log("sabotaged.service", "Failed with result 'exit-code'.");
    if (this.is("journal-fatal"))
      this.log("kernel", "kernel: simulatord[412]: segfault at 0 ip 0000000000401136 error 4");
  }

  log(unit: string, text: string): void {
    const journal = this.boots.at(-1);
    journal?.push({ unit, seconds: 3 + journal.length / 10, text });
  }

  /** The ordinary way down: the staged deployment is finalised. Pulling the plug loses it instead. */
  shutDown(): void {
    const { staged } = this;
    this.staged = null;
    if (staged === null || (staged.downloadOnly && !this.is("download-applies"))) return;
    const trouble = this.is("stays-on-old")
      ? "error: Writing bootloader configuration: No space left on device"
      : this.bootLoader.whyNotFinalised();
    if (trouble !== null) {
      this.log(this.#finalizeUnit, trouble);
      this.log(this.#finalizeUnit, "Main process exited, code=exited, status=1/FAILURE");
      return;
    }
    const final = this.is("wrong-digest") ? this.#counterfeit(staged) : staged;
    if (!this.is("etc-merge-lost")) mergeEtc(this.booted, final);
    this.#loseVar();
    const pinned = this.is("loses-pinned") ? [] : this.deployments.filter((one) => one.pinned);
    const kept = new Set(this.is("loses-rollback") ? pinned : [this.booted, ...pinned]);
    this.deployments = [final, ...kept];
    noteNext(this, final);
    armWayBack(this, final);
    this.log(
      this.#finalizeUnit,
      this.world.backend === "composefs"
        ? "Starting composefs staged deployment finalization"
        : "Bootloader updated; bootconfig swap: yes; bootversion: boot.0.1, deployment count change: 1",
    );
  }

  powerCut(): void {
    if (this.is("cut-applies")) this.shutDown();
    this.#loseVar();
    this.staged = null;
  }

  #loseVar(): void {
    if (this.is("var-lost"))
      for (const path of this.files.keys()) if (path.startsWith("/var/")) this.files.delete(path);
  }

  /** User space starts again, from what is staged where there is something. */
  softReboot(): void {
    if (this.is("same-boot")) return;
    this.shutDown();
    this.booted = this.deployments[0] ?? this.booted;
    this.softReboots++;
  }

  #counterfeit(staged: Deployment): Deployment {
    const hex = createHash("sha256").update(`not ${staged.image.digest}`).digest("hex");
    return this.deploy(this.world.image(`sha256:${hex}`), staged.reference);
  }
}
