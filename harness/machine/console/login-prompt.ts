/** A getty's prompt on a console: `host login: `, which a kernel message may follow on the same row. */
import { segmentsOf } from "./console-untangle.ts";

/** One message that is a login prompt and nothing else (agetty(8), `\n login: `). */
export const loginPrompt = /^[A-Za-z0-9._-]{1,64} login: *$/;

/** What a getty says in its place where a credential lets somebody in (agetty(8), `--autologin`; util-linux, term-utils/agetty.c). */
export const automaticLogin = /^[A-Za-z0-9._-]{1,64} login: [^ ]{1,64} \(automatic login\) *$/;

/** Whether a row of the console, cleaned of escape codes, has a login prompt on it. */
export const isLoginPrompt = (row: string): boolean =>
  segmentsOf(row).some((message) => loginPrompt.test(message.trimStart()));
