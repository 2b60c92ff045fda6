/** A change of an image from inside: what runs there, what is told of it, and how it becomes a layer. */
import { describe, expect, test } from "vitest";
import { CannotTell } from "../../harness/base/errors.ts";
import { changeText, parseChange } from "../../harness/states/build/change-script.ts";
import { insideScript } from "../../harness/states/build/run-in-image.ts";
import { whiteouts } from "../../images/derive/inside-layer.ts";
import { tarOf } from "../../images/derive/tar.ts";

test("dnf5 is told each step, with the harness's packages alone, and then the lines of the story", () => {
  const lines = insideScript({
    packages: [
      ["install", "bootgate-tool-2"],
      ["swap", "bootgate-tool", "bootgate-rival"],
    ],
    run: ["depmod"],
  }).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(
    /^dnf5 --assumeyes .*--repofrompath=bootgate,file:\/\/\/\.bootgate\/rpms/,
  );
  expect(lines[0]).toMatch(/ install bootgate-tool-2$/);
  expect(lines[1]).toMatch(/ swap bootgate-tool bootgate-rival$/);
  // A setting that an older version does not know would end it.
  expect(lines[0]).not.toMatch(/persistence|drift/);
  expect(lines.slice(2)).toEqual(["depmod", ""]);
});

describe("what is told of a change", () => {
  test("is how much of the disk counts, and what is gone", () => {
    const told = "bootgate-size 10240\nbootgate-gone usr/share/a b\nbootgate-gone etc/c\n";
    expect(parseChange(told)).toEqual({ bytes: 10_240, gone: ["usr/share/a b", "etc/c"] });
  });

  test.each(["", "bootgate-size \n", "bootgate-size 12\n", "bootgate-gone usr/a\n"])(
    "that is not whole is nobody's failure: %j",
    (told) => {
      expect(() => parseChange(told)).toThrow(CannotTell);
    },
  );
});

test("the script leaves out what is the machine's own", () => {
  for (const path of ["var/cache", "run", ".bootgate"])
    expect(changeText).toContain(`--exclude=${path} `);
});

test("what is gone is a mark in the folder that it was in", () => {
  expect(whiteouts(["usr/share/reference-extra", "top"])).toEqual([
    { kind: "file", path: "usr/share/.wh.reference-extra", text: "" },
    { kind: "file", path: ".wh.top", text: "" },
  ]);
});

test("a long path is parted at a slash, and a short one stays as it is", () => {
  const path = `usr/lib/modules/7.2.12+deb14-cloud-amd64/${"kernel/".repeat(10)}.wh.${"x".repeat(60)}`;
  const header = tarOf([{ kind: "file", path, text: "" }]).subarray(0, 512);
  const field = (at: number, room: number): string =>
    header.toString("latin1", at, at + room).replace(/\0.*$/s, "");
  expect(`${field(345, 155)}/${field(0, 100)}`).toBe(path);
  const short = tarOf([{ kind: "file", path: "usr/a", text: "" }]).subarray(0, 512);
  expect(short.toString("latin1", 345, 346)).toBe("\0");
});
