/** A long test that passed is not run once more on the same content, and anything else is. */
import { expect, test } from "vitest";
import { parseFullRecord, stillPassed } from "../full-record.ts";

const end = {
  content: "c1",
  at: "2026-01-01T00:00:00.000Z",
  count: { passed: 3, failed: 0, skipped: 1 },
};

test("only a pass on the same content counts", () => {
  expect(stillPassed(end, "c1")).toEqual({ count: end.count, failures: [] });
  expect(stillPassed(end, "c2")).toBeNull();
  expect(stillPassed(undefined, "c1")).toBeNull();
  expect(stillPassed({ ...end, count: { passed: 3, failed: 1, skipped: 0 } }, "c1")).toBeNull();
  expect(stillPassed({ ...end, count: { passed: 0, failed: 0, skipped: 9 } }, "c1")).toBeNull();
});

test.each(["", "{", "[]", '{"a":{"content":1}}'])(
  "a record that cannot be read says nothing: %s",
  (text) => expect(parseFullRecord(text)).toEqual({}),
);

test("a record is read as it was written", () => {
  const record = { "test/full/a.test.ts": end };
  expect(parseFullRecord(JSON.stringify(record))).toEqual(record);
});
