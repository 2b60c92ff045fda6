/** 0: all passed · 1: the image failed · 2: usage or configuration · 3: broken, so that nobody can tell. */
export type ExitCode = 0 | 1 | 2 | 3;
