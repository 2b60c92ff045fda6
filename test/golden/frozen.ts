/** Makes what several test files share unchangeable: they run in one process, and a change by one would be seen by the next. */

const refuse = (): never => {
  throw new TypeError("This is shared by tests and cannot be changed: make a copy.");
};

/** The same value, frozen through and through; a map, a set or a date in it refuses to be changed. Functions and buffers stay as they are. */
export function frozen<T>(value: T): T {
  freeze(value, new Set());
  return value;
}

function freeze(value: unknown, seen: Set<unknown>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  if (ArrayBuffer.isView(value)) return;
  seen.add(value);
  if (
    (value instanceof Map || value instanceof Set || value instanceof Date) &&
    !Object.isFrozen(value)
  )
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(value)))
      if (/^(?:set|add|delete|clear)/.test(name))
        Object.defineProperty(value, name, { value: refuse });
  Object.freeze(value);
  for (const [, part] of partsOf(value)) freeze(part, seen);
}

const partsOf = (value: object): [unknown, unknown][] =>
  value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value);

/** Where a value can still be changed, as paths like `.jobs.0.error`; empty when it is frozen through and through. */
export function changeable(value: unknown, path = "", seen = new Set<unknown>()): string[] {
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  if (ArrayBuffer.isView(value)) return [];
  return [
    ...(Object.isFrozen(value) ? [] : [path === "" ? "." : path]),
    ...partsOf(value).flatMap(([name, part]) => changeable(part, `${path}.${String(name)}`, seen)),
  ];
}
