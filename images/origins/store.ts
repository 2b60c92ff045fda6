/**
 * The store of OCI images in the cache: blobs that all images share, and for each manifest one small OCI layout whose
 * `blobs` is a link to them, so that whatever reads a layout reads the store. An image appears by one rename when all of
 * it is there. Everything that a process holds, or counts on while it pulls, is marked with the process's own label
 * (harness/base/owner), so a dead process never keeps anything.
 *
 * `oci/blobs/sha256/HEX` · `oci/images/HEX/{oci-layout,index.json,blobs,about.json}` · `oci/held/OWNER-HEX` ·
 * `oci/claims/OWNER-…` · `oci/drafts/OWNER-…` · `oci/sources/KEY` (which image a file held) · `oci/*.lock`
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DraftPlace, openDraft, syncPath, takeAway } from "../../harness/base/draft.ts";
import { HostUnfit, messageOf, UsageError } from "../../harness/base/errors.ts";
import { hashFile } from "../../harness/base/hash-file.ts";
import { takeLock } from "../../harness/base/lock.ts";
import { makeFolder } from "../../harness/base/make-folder.ts";
import { ownName } from "../../harness/base/marks.ts";
import { noSpaceIn } from "../../harness/base/no-space.ts";
import { ownerLabel } from "../../harness/base/owner.ts";
import { evictShelves, roomOnDisk, shelvesLimit } from "../../harness/base/shelf-room.ts";
import { type Digest, formatBytes, isDigest } from "../../harness/base/units.ts";
import { waitWords } from "../../harness/base/wait-words.ts";
import { writeWhole } from "../../harness/base/write-whole.ts";
import { forgetUnfit } from "./damaged-blob.ts";
import { type OciImageFacts, readOciImage } from "./oci-layout.ts";
import { digestOfBytes, type Manifest } from "./platform.ts";
import { type About, noteUse, readAbout, storedTag, writeLayout } from "./store-layout.ts";
import {
  aliveMarks,
  claimedBlobs,
  type MarkedPlace,
  markFolders,
  removeDeadMarks,
} from "./store-marks.ts";
import { planEviction, type RoomFacts, type RoomWish, type StoredBlob } from "./store-room.ts";

/** What the store says of one image. */
export interface StoredImage extends About {
  readonly digest: Digest;
  readonly layout: string;
  /** A living process uses it. */
  readonly isHeld: boolean;
}

export interface StoreOptions {
  readonly cacheDir: string;
  /** Bytes of all blobs together, within the limit of the whole cache. Default: only that limit. */
  readonly limitBytes?: number;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

const hexOf = (digest: Digest): string => digest.slice("sha256:".length);

export class ImageStore {
  readonly root: string;
  /** Blobs lie below it in `sha256`. */
  readonly blobs: string;
  readonly #options: StoreOptions;
  readonly #place: MarkedPlace;

  private constructor(options: StoreOptions) {
    this.#options = options;
    this.root = join(options.cacheDir, "oci");
    this.blobs = join(this.root, "blobs");
    this.#place = { root: this.root, cacheDir: options.cacheDir };
  }

  /** Makes its folders and removes what dead processes left. Throws HostUnfit where it cannot be written to. */
  static async open(options: StoreOptions): Promise<ImageStore> {
    const store = new ImageStore(options);
    const folders = ["blobs/sha256", "images", "sources", ...markFolders];
    try {
      for (const name of folders) await makeFolder(join(store.root, name));
      await removeDeadMarks(store.#place);
    } catch (cause) {
      throw new HostUnfit(`The store of images '${store.root}' cannot be written to.`, {
        cause,
        details: { reason: messageOf(cause), "to do": "set XDG_CACHE_HOME to another folder" },
      });
    }
    return store;
  }

  blobPath(digest: Digest): string {
    return join(this.blobs, "sha256", hexOf(digest));
  }
  layoutOf(digest: Digest): string {
    return join(this.root, "images", hexOf(digest));
  }

  /** One process at a time fetches what the key names. */
  lockFor(key: string, what: string): Promise<AsyncDisposable> {
    const { signal, onProgress } = this.#options;
    return takeLock(join(this.root, `${keyName(key).slice(0, 32)}.lock`), {
      signal,
      onWait: (holder) => onProgress(waitWords(holder, `fetches '${what}'`)),
    });
  }

  /**
   * The image, held for this process from now on and noted as used under this name; null where it is not there or is
   * damaged, and then it has to be fetched.
   */
  async take(digest: Digest, name: string | null): Promise<OciImageFacts | null> {
    await using _lock = await this.#lock();
    const about = await readAbout(this.layoutOf(digest));
    if (about === null) return null;
    const facts = await readOciImage(this.layoutOf(digest), storedTag).catch(() => null);
    if (facts?.digest !== digest) {
      await using _old = await takeAway(this.layoutOf(digest), this.#drafts);
      await forgetUnfit(about.blobs, (one) => this.blobPath(one), this.#options.signal);
      return null;
    }
    await noteUse(this.layoutOf(digest), about, name);
    // One mark a process and image: who asks again writes the same one.
    const mark = `${ownerLabel(this.#options.cacheDir)}-${hexOf(digest)}`;
    await writeFile(join(this.root, "held", mark), "");
    return facts;
  }

  /** A folder for one pull, removed with the claim on its blobs. `wanted` null: nobody knows yet which. */
  async draft(
    wanted: readonly Digest[] | null,
  ): Promise<AsyncDisposable & { readonly path: string }> {
    const claim = join(this.root, "claims", ownName("claim", this.#options.cacheDir));
    {
      await using _lock = await this.#lock();
      await writeFile(claim, JSON.stringify(wanted));
    }
    const release = (): Promise<void> => rm(claim, { force: true }).catch(() => undefined);
    try {
      const draft = await openDraft(this.#drafts, "pull");
      const end = async (): Promise<void> => {
        await draft[Symbol.asyncDispose]();
        await release();
      };
      return { path: draft.path, [Symbol.asyncDispose]: end };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /**
   * Which of these blobs are not here. A damaged one is removed; one that is whole stays, since another image may have it,
   * and the manifest that gives it another size is wrong. Throws UsageError for that.
   */
  async missing(wanted: readonly StoredBlob[]): Promise<readonly StoredBlob[]> {
    const missing: StoredBlob[] = [];
    for (const blob of new Map(wanted.map((one) => [one.digest, one])).values()) {
      const path = this.blobPath(blob.digest);
      const size = await stat(path).then(
        (facts) => facts.size,
        () => null,
      );
      if (size === blob.size) continue;
      if (size !== null && (await hashFile(path, this.#options.signal)) === blob.digest)
        throw new UsageError(`The manifest gives the blob ${blob.digest} a wrong size.`, {
          details: { expected: `${size} bytes`, got: `${blob.size} bytes` },
        });
      if (size !== null) await rm(path, { force: true });
      missing.push(blob);
    }
    return missing;
  }

  /**
   * Makes room for so many bytes, by the limits and by what the disk has free: what was used longest ago gives way first,
   * an image or what is on the shelves of the cache. Throws HostUnfit where there is none.
   */
  async makeRoom(bytes: number, name: string): Promise<void> {
    const { cacheDir, limitBytes, signal } = this.#options;
    if (limitBytes !== undefined) await this.evict({ maxBytes: Math.max(0, limitBytes - bytes) });
    const maxBytes = Math.max(0, (await shelvesLimit(cacheDir)) - bytes);
    await evictShelves(cacheDir, { maxBytes }, signal);
    const left = await roomOnDisk(cacheDir, bytes, signal);
    if (bytes <= left) return;
    throw noSpaceIn(cacheDir, `There is not enough space in the cache for '${name}'.`, {
      needed: formatBytes(bytes),
      "may be used": formatBytes(left),
    });
  }

  /** Puts a small document in as a blob, whole. */
  async putDocument(bytes: Uint8Array): Promise<void> {
    const path = this.blobPath(digestOfBytes(bytes));
    await writeWhole(path, bytes);
  }

  /**
   * Makes an image of blobs that are all here, its manifest included, and holds it for this process. Throws what
   * `readOciImage` throws when they are not.
   */
  async commit(manifest: Manifest, name: string): Promise<OciImageFacts> {
    await this.putDocument(manifest.bytes);
    const { digest } = manifest;
    // As deep as the finished one, so that its link to the blobs leads to the same place.
    await using draft = await openDraft(this.#drafts, "image");
    await writeLayout(draft.path, manifest);
    await readOciImage(draft.path, storedTag);
    // skopeo does not do it, and after a power cut a blob could have its size and other bytes.
    for (const { digest } of [manifest.config, ...manifest.layers])
      await syncPath(this.blobPath(digest));
    await syncPath(join(this.blobs, "sha256"));
    await draft.sync();
    {
      await using _lock = await this.#lock();
      const final = this.layoutOf(digest);
      const there = await readOciImage(final, storedTag).catch(() => null);
      if (there === null) {
        await using _old = await takeAway(final, this.#drafts);
        await draft.moveTo(final);
      }
    }
    const facts = await this.take(digest, name);
    if (facts === null) throw new HostUnfit(`The image '${name}' vanished from the cache.`);
    return facts;
  }

  /** The image that a source (an archive by its stamp) held when it was read, or null. */
  async sourceOf(key: string): Promise<Digest | null> {
    const path = join(this.root, "sources", keyName(key));
    const text = await readFile(path, "utf8").catch(() => "");
    return isDigest(text) ? text : null;
  }
  async noteSource(key: string, digest: Digest): Promise<void> {
    await writeWhole(join(this.root, "sources", keyName(key)), digest);
  }

  /** All images, the one used last first. */
  async images(): Promise<readonly StoredImage[]> {
    const held = await aliveMarks(this.#place, "held");
    const names = await readdir(join(this.root, "images"));
    const images: StoredImage[] = [];
    for (const hex of names) {
      const digest = `sha256:${hex}`;
      const about = isDigest(digest) ? await readAbout(this.layoutOf(digest)) : null;
      if (about === null || !isDigest(digest)) continue;
      const isHeld = held.some((name) => name.endsWith(`-${hex}`));
      images.push({ ...about, digest, layout: this.layoutOf(digest), isHeld });
    }
    return images.sort((a, b) => b.usedAt - a.usedAt);
  }

  /** Bytes of all blobs, and of those that no image refers to. */
  async usage(): Promise<{ readonly total: number; readonly loose: number }> {
    const { images, blobs } = await this.facts();
    const used = new Set(images.flatMap((image) => image.blobs));
    const sum = (some: readonly StoredBlob[]): number =>
      some.reduce((all, { size }) => all + size, 0);
    return { total: sum(blobs), loose: sum(blobs.filter(({ digest }) => !used.has(digest))) };
  }

  /** Removes what has to go. Returns what went. */
  async evict(
    wish: RoomWish,
  ): Promise<{ readonly images: readonly Digest[]; readonly bytes: number }> {
    await using _lock = await this.#lock();
    const plan = planEviction(await this.facts(), wish);
    for (const digest of plan.images) {
      await using _old = await takeAway(this.layoutOf(digest), this.#drafts);
    }
    for (const { digest } of plan.blobs) await rm(this.blobPath(digest), { force: true });
    return { images: plan.images, bytes: plan.blobs.reduce((sum, { size }) => sum + size, 0) };
  }

  /** What decides who has to go. */
  async facts(): Promise<RoomFacts> {
    const images = (await this.images()).map(({ digest, usedAt, isHeld, blobs }) => ({
      digest,
      usedAt,
      isHeld,
      blobs: blobs.map((blob) => blob.digest),
    }));
    const blobs: StoredBlob[] = [];
    for (const hex of await readdir(join(this.blobs, "sha256"))) {
      const digest = `sha256:${hex}`;
      const size = await stat(join(this.blobs, "sha256", hex)).then(
        (facts) => facts.size,
        () => null,
      );
      if (isDigest(digest) && size !== null) blobs.push({ digest, size });
    }
    return { images, blobs, claimed: await claimedBlobs(this.#place) };
  }

  #lock(): Promise<AsyncDisposable> {
    return takeLock(join(this.root, "store.lock"), { signal: this.#options.signal });
  }
  get #drafts(): DraftPlace {
    return { folder: join(this.root, "drafts"), cacheDir: this.#options.cacheDir };
  }
}

const keyName = (key: string): string => createHash("sha256").update(key).digest("hex");
