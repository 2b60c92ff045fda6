/** What a row of the table of skopeo's words is, and what is known where one is looked for. */

/** Where skopeo was reading from. */
export type SkopeoSource = "registry" | "archive" | "storage";

export interface FaultContext {
  /** What was read, as the person wrote it. */
  readonly name: string;
  readonly source: SkopeoSource;
  /** Host of the registry, or null. */
  readonly host: string | null;
  /** Folder of the store, for the words on a full disk. */
  readonly store: string;
  /** It was there a moment ago: the registry itself said what it is. */
  readonly isResolved?: boolean;
}

/** What some words mean. */
export interface Row {
  readonly id: string;
  readonly words: RegExp;
  /** Only for this source. Absent: for each. */
  readonly source?: SkopeoSource;
  /** Only for what was resolved before. */
  readonly resolved?: true;
  readonly blame: "caller" | "host";
  readonly again?: true;
  readonly headline: (context: FaultContext) => string;
  readonly toDo?: (context: FaultContext) => string;
}
