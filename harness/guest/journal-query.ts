/** Which lines of a journal are asked for. */
export interface JournalQuery {
  readonly boot?: number;
  readonly unit?: string;
  readonly priority?: string;
  readonly lines?: number;
}
