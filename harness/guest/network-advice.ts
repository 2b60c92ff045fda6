/** What helps where the harness has closed the network of a guest. */
export const networkAdvice = "run it with --network open, where all it needs is there";
