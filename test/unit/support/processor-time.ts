/** How long work takes by the processor's clock: unlike the wall's, it does not run on while the host does something else. */

/** Milliseconds of processor time that `work` took in this process. */
export function processorMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
