/** A getty's prompt among the lines of a console. */

// A kernel message may follow on the same line, since the prompt does not end in a newline (seen with Debian forky:
// `host login: [   58.57] input: Power Button`).
const prompt = /\blogin: *(?:$|\[ {0,8}\d{1,8}\.\d)/;

/** True for a line on which a login is asked for. */
export const isLoginPrompt = (line: string): boolean => prompt.test(line);
