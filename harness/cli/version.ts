/** The harness's own version, as events and reports carry it. */
export const harnessVersion = "0.1.0";
