/** What a person is told who waits for another process of bootgate. */

/** `holder` is who that is and since when (`lock.ts`); `doing` follows "that": `makes the disk of 'x'`. */
export const waitWords = (holder: string, doing: string): string =>
  `Waiting for another bootgate (${holder}) that ${doing}.`;
