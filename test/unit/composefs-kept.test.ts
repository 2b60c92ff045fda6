import { expect, test } from "vitest";
import { parseKept } from "../../harness/guest/tools/composefs-kept.ts";

const [one, two, three] = ["a", "b", "c"].map((letter) => letter.repeat(128)) as [
  string,
  string,
  string,
];

test("what is kept is told once by its digest, and what is named otherwise is not a deployment's", () => {
  const text = [
    ...[`state ${two}`, `state ${one}`, "state tmp.1"],
    ...[`image ${one}`, "image refs", `image ${two}`, `image ${three}`],
    ...[`boot bootc_composefs-${one}`, `boot bootc_composefs-${one}`, `boot ${two}.efi`],
    ...[`boot bootc_composefs-${three}.efi`, "boot other.efi", `boot ${one}.efi.extra.d`, ""],
  ].join("\n");
  expect(parseKept(text)).toEqual({
    states: [one, two],
    images: [one, two, three],
    kernels: [one],
    unified: [two, three],
  });
});
