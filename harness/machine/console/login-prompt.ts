/** A getty's prompt on a console: `host login: `, which a kernel message may follow on the same row. */
import { segmentsOf } from "./console-untangle.ts";

/** One message that is a login prompt and nothing else (agetty(8), `\n login: `). */
export const loginPrompt = /^[A-Za-z0-9._-]{1,64} login: *$/;

/** Whether a row of the console, cleaned of escape codes, has a login prompt on it. */
export const isLoginPrompt = (row: string): boolean =>
  segmentsOf(row).some((message) => loginPrompt.test(message.trimStart()));
