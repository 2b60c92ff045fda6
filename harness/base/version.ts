/** The key of the sources that this copy was compiled from, by its place (`dist/<key>/`); none where the sources run. */
const build = /[\\/]dist[\\/]([0-9a-f]{12})[\\/]harness[\\/]base$/.exec(import.meta.dirname)?.[1];

/**
 * The harness's own version, as events and reports carry it, with its build after a `+` (semver.org, 10): runs by two
 * builds are not judged together.
 */
export const harnessVersion = build === undefined ? "0.1.0" : `0.1.0+${build}`;
