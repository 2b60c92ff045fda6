/** What a line of the journal means: the console's own tables, so that one event is judged alike in both places. */
export { journalFault } from "../../machine/console/journal-fault.ts";
