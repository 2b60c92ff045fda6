/**
 * A disk that power cuts are made on: where its file systems lie, and what it would boot at a point. Read offline are ext4 and the EFI
 * system partition; what else holds /boot or the deployments is named, and such disks are told apart by the rest alone.
 */
import { createHash } from "node:crypto";
import { espType } from "../../images/inspect/architecture.ts";
import {
  type Partition,
  readPartitionTable,
  tableBytes,
} from "../../images/inspect/partition-table.ts";
import { askDebugfs, blocksOfExtents, checkExt4, type DiskFiles, ext4Files } from "./disk-files.ts";
import { type DiskState, deploymentsOf, type LoaderView, loaderView } from "./disk-state.ts";
import { readExt4, readJournal, superblockAt, superblockBytes } from "./ext4-journal.ts";
import { KnownHashes } from "./known-hashes.ts";
import type { Replayer } from "./replay.ts";

interface FileSystem {
  readonly startBytes: number;
  readonly files: DiskFiles;
}

export class CutDisk {
  /** What cannot be judged offline, in whole sentences. */
  readonly unread: readonly string[];
  readonly #replayer: Replayer;
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #boot: (FileSystem & { readonly prefix: string }) | null;
  readonly #root: FileSystem | null;
  readonly #ext4: readonly FileSystem[];
  readonly #esp: Partition | null;
  readonly #known: KnownHashes;

  private constructor(
    where: { path: string; replayer: Replayer; signal: AbortSignal },
    found: {
      ext4: readonly FileSystem[];
      boot: (FileSystem & { prefix: string }) | null;
      root: FileSystem | null;
      esp: Partition | null;
      known: KnownHashes;
    },
  ) {
    this.#path = where.path;
    this.#replayer = where.replayer;
    this.#signal = where.signal;
    this.#ext4 = found.ext4;
    this.#boot = found.boot;
    this.#root = found.root;
    this.#esp = found.esp;
    this.#known = found.known;
    this.unread = [
      ...(found.boot === null
        ? ["No ext4 file system has boot loader entries, so what would boot was not read offline."]
        : []),
      ...(found.root === null
        ? ["No ext4 file system has ostree's deployments, so those were not read offline."]
        : []),
    ];
  }

  /** Finds the file systems of a disk that is as it was before the record began. */
  static async open(where: {
    path: string;
    replayer: Replayer;
    scratch: string;
    signal: AbortSignal;
  }): Promise<CutDisk> {
    const { path, replayer, scratch, signal } = where;
    const table = readPartitionTable(await replayer.read(0, tableBytes));
    const partitions = table.kind === "gpt" || table.kind === "mbr" ? table.partitions : [];
    const known = new KnownHashes();
    replayer.onChange((part) => known.written(part));
    const ext4: FileSystem[] = [];
    for (const { startBytes } of partitions) {
      const facts = readExt4(await replayer.read(startBytes + superblockAt, superblockBytes));
      if (facts === null) continue;
      const place = { path, startBytes, blockBytes: facts.blockBytes };
      ext4.push({ startBytes, files: ext4Files(place, { scratch, known }, signal) });
    }
    let boot: (FileSystem & { prefix: string }) | null = null;
    let root: FileSystem | null = null;
    for (const one of ext4) {
      for (const prefix of ["", "/boot"])
        if ((await one.files.list(`${prefix}/loader/entries`)) !== null)
          boot ??= { ...one, prefix };
      if ((await one.files.list("/ostree/deploy")) !== null) root ??= one;
      else if ((await one.files.list("/state/deploy")) !== null) root ??= one;
    }
    const esp = partitions.find(({ type }) => type === espType) ?? null;
    return new CutDisk(where, { ext4, boot, root, esp, known });
  }

  /** Reads what the disk would boot as the replayer has left it. The journals are replayed behind it, until the next point. */
  async state(): Promise<DiskState> {
    const view = async (): Promise<LoaderView | null> =>
      this.#boot === null ? null : loaderView(this.#boot.files, this.#boot.prefix);
    const esp = await this.#hashEsp();
    const loader = await view();
    const { hasReplayed, isUnread } = await this.#replayJournals();
    const before = loader?.entries ?? [];
    const after = hasReplayed ? ((await view())?.entries ?? []) : before;
    const isSame = JSON.stringify(after) === JSON.stringify(before);
    const roots = [...before, ...after];
    const damage = isUnread ? ["a journal that could not be read offline"] : [];
    for (const { startBytes } of this.#ext4)
      damage.push(...(await checkExt4({ path: this.#path, startBytes }, this.#signal)));
    return {
      loader,
      entriesAfter: isSame ? null : after,
      deployments: this.#root === null ? null : await deploymentsOf(this.#root.files, roots),
      damage,
      esp,
    };
  }

  async #replayJournals(): Promise<{ hasReplayed: boolean; isUnread: boolean }> {
    const done = { hasReplayed: false, isUnread: false };
    for (const { startBytes } of this.#ext4) {
      const facts = readExt4(await this.#replayer.read(startBytes + superblockAt, superblockBytes));
      if (facts?.needsRecovery !== true) continue;
      const { blockBytes } = facts;
      const places = await this.#journalBlocks(startBytes);
      const read = async (place: number): Promise<Buffer> => {
        const block = places[place];
        return block === undefined
          ? Buffer.alloc(0)
          : this.#replayer.read(startBytes + block * blockBytes, blockBytes);
      };
      const writes = await readJournal(read, blockBytes);
      done.isUnread ||= writes === null;
      for (const write of writes ?? []) {
        await this.#replayer.write(startBytes + write.startBytes, write.bytes);
        done.hasReplayed = true;
      }
    }
    return done;
  }

  /** Blocks of the journal, which is inode 8 (filesystems/ext4/special_inodes.rst), in its order. */
  async #journalBlocks(startBytes: number): Promise<readonly number[]> {
    // `blocks` would name those of the tree of extents as well; -l: its leaves alone (debugfs(8)).
    const place = { path: this.#path, startBytes };
    return blocksOfExtents((await askDebugfs("extents -l <8>", place, this.#signal)) ?? "");
  }

  async #hashEsp(): Promise<string | null> {
    if (this.#esp === null) return null;
    const { startBytes, endBytes } = this.#esp;
    const key = "EFI system partition";
    const before = this.#known.find(key);
    if (before !== null) return before;
    const sum = createHash("sha256");
    const step = 4 * 1024 * 1024;
    for (let at = startBytes; at < endBytes; at += step)
      sum.update(await this.#replayer.read(at, Math.min(step, endBytes - at)));
    const hash = sum.digest("hex");
    this.#known.keep(key, { hash, parts: [{ startBytes, endBytes }] });
    return hash;
  }
}
