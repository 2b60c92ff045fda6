/** What is found about a base in words, alike in reports and decisions. All that an image says of itself is one short line. */
import { formatBytes, shortDigest } from "../../base/units.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import type { BaseFault, OtherVariant } from "./base-faults.ts";
import type { Base } from "./bases.ts";
import type { Variant } from "./variants.ts";

const line = (text: string, length: number): string => defuseCommands(oneLine(text, length));

/** `quay.io/fedora/fedora-bootc:44 44.20261120.0, sha256:0123456789ab, ostree commit 0123456789ab, first 65 layers of 2.1 GiB`. */
function baseWords(base: Base): string {
  const { name, digest, commit, layers, tested, version, revision } = base;
  const own = tested !== null && version !== null ? ` ${line(version, 60)}` : "";
  const all = [
    ...(version === null ? [] : [`version ${line(version, 60)}`]),
    ...(revision === null ? [] : [`revision ${line(revision, 60)}`]),
  ];
  const facts = [
    ...(name === null ? [] : [`${line(name, 100)}${own}`]),
    ...(digest === null ? [] : [shortDigest(digest)]),
    ...(commit === null ? [] : [`ostree commit ${commit.slice(0, 12)}`]),
    ...(layers === null ? [] : [layerWords(layers)]),
    ...(tested === null && all.length > 0 ? [`each of them says ${all.join(" and ")}`] : []),
    ...(tested !== null && revision !== null ? [`revision ${line(revision, 60)}`] : []),
  ];
  return facts.join(", ");
}

/** The same where there is little room: its name and digest, else its commit, else its layers. */
export function shortBaseWords({ name, digest, commit, layers }: Base): string {
  const named = [
    ...(name === null ? [] : [line(name, 100)]),
    ...(digest === null ? [] : [shortDigest(digest)]),
  ];
  if (named.length > 0) return named.join(" ");
  if (commit !== null) return `ostree commit ${commit.slice(0, 12)}`;
  return layers === null ? "" : layerWords(layers);
}

const layerWords = ({ count, bytes }: NonNullable<Base["layers"]>): string =>
  `${count === 1 ? "the first layer" : `the first ${count} layers`} of ${formatBytes(bytes)}`;

/** `12 of 14 variants fail the same step with the same words: the base (…).` */
export function faultHeadline({ blame, base, failing, others, step }: BaseFault): string {
  const all = failing.length + others.length;
  const many = failing.length === all ? `All ${all}` : `${failing.length} of ${all}`;
  const same = step === null ? "outside of any step" : "the same step";
  const what = `${many} variants fail ${same} with the same words`;
  const shared = base === null ? "" : ` (${baseWords(base)})`;
  switch (blame) {
    case "base":
      return hasOther(others)
        ? `${what}: the base${shared}.`
        : `${what}: the base${shared}, or what every image meets here, since no image of another base passed.`;
    case "not-alone":
      return `${what}. It is not the base alone${shared}: ${namesOf(thisBase(others))} of it ${verb(thisBase(others), "passes", "pass")}.`;
    case "not-base":
      return `${what}, and do not share a base: it is not the base.`;
    case "cannot-tell":
      return `${what}. Whether it is a base of theirs cannot be told: not all of them say what they are based on.`;
    default:
      return blame satisfies never;
  }
}

const passed = (others: readonly OtherVariant[], of: OtherVariant["of"]): Variant[] =>
  others.filter((one) => one.stands === "passed" && one.of === of).map(({ variant }) => variant);
const thisBase = (others: readonly OtherVariant[]): Variant[] => passed(others, "this");
const hasOther = (others: readonly OtherVariant[]): boolean => passed(others, "another").length > 0;

const verb = (some: readonly unknown[], one: string, many: string): string =>
  some.length === 1 ? one : many;

const maxNames = 15;

/** `a, b and c`, cut. */
export function namesOf(variants: readonly Pick<Variant, "name">[]): string {
  const names = variants.map(({ name }) => line(name, 60));
  const shown = names.slice(0, maxNames);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
  const last = shown.pop() ?? "";
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}

/** What stands behind the headline, each with a word for it. */
export function faultDetails(
  fault: BaseFault,
): readonly (readonly [label: string, text: string])[] {
  const { step, words, where, failing, others } = fault;
  const places = where
    .slice(0, 5)
    .map(({ scenario, place }) => line(`${scenario} on ${place}`, 150));
  const more = where.length - places.length;
  return [
    ...(step === null ? [] : [["step", line(step, 300)] as const]),
    ["words", line(words, 300)],
    ["in", `${places.join("; ")}${more > 0 ? ` and ${more} more` : ""}`],
    ["fail", namesOf(failing)],
    ...otherLines(others, fault.base !== null),
  ];
}

const ofWords: Readonly<Record<OtherVariant["of"], string>> = {
  this: "of this base",
  another: "of another base",
  unknown: "nothing tells what it is based on",
};

/** A line for each way in which others stand. */
function otherLines(
  others: readonly OtherVariant[],
  hasBase: boolean,
): (readonly [string, string])[] {
  const groups = new Map<string, { stands: string; of: OtherVariant["of"]; some: Variant[] }>();
  for (const { stands, of, variant } of others) {
    const key = `${stands} ${of}`;
    const group = groups.get(key) ?? { stands, of, some: [] };
    group.some.push(variant);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ stands, of, some }) => [
    stands,
    `${namesOf(some)}${hasBase || of === "unknown" ? ` (${ofWords[of]})` : ""}`,
  ]);
}
