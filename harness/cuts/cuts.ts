/** What stories see of power cuts: points, the states that they leave, and a disk of each. */
import type { Image } from "../../images/image.ts";
import type { DiskRecord } from "../machine/machine.ts";
import type { CutPoint } from "./points.ts";

/** Disks that are alike in all that decides what they boot. */
export interface CutState {
  /** One line: what would boot, as it was read offline. */
  readonly text: string;
  /** Something that would boot lacks a part: an entry, its kernel, its deployment; or e2fsck finds damage. */
  readonly isOdd: boolean;
  /** In the order of the record; never empty. */
  readonly points: readonly [CutPoint, ...CutPoint[]];
}

/** Power cuts of a machine whose writes were recorded. */
export interface PowerCuts extends AsyncDisposable {
  readonly count: number;
  readonly seed: string;
  /** Entries of the record between which the power is cut. */
  readonly range: { readonly first: number; readonly last: number };
  /** What cannot be read offline, in whole sentences. */
  readonly unread: readonly string[];
  /** Reads the disk that each cut leaves, and puts together those that are alike. In the order of their first points. */
  states(): Promise<readonly CutState[]>;
  /** The image with the disk as the state's first point left it, which stays so until the next call. */
  disk(state: CutState): Promise<Image>;
  /** Copies the record to a folder, for a point to be made again. Returns its path. */
  keep(folder: string): Promise<string>;
}

export interface CutsRequest {
  /** Whose disk it was. */
  readonly image: Image;
  /** The place in the record from which on the power is cut. */
  readonly since: number;
  readonly signal: AbortSignal;
}

/** Opens the power cuts of a record. The machine has to be off; it is not needed any more. */
export type CutsOpener = (record: DiskRecord, request: CutsRequest) => Promise<PowerCuts>;
