// The world and the order in which the transcripts of bootc 1.16.9 were recorded, so that doubles can be led through it.
import { frozen } from "../../golden/frozen.ts";

export const follows = "10.0.2.100:5000/os:stable";
export const next = "10.0.2.100:5000/os:next";

const digest = (hex: string): string => `sha256:${hex}`;
export const digests = frozen({
  v1: digest("295a6fbc4b52a6cbcbeb7c083ab3a652979fa847e318a34236e0c848c62b6dfa"),
  v2: digest("4b1757bb0162a5aea5903048af8b90f7dcde9d2312db21ecd116613efc2147ac"),
  v3: digest("5f53dc7c0140880c032292f4aa9d9184408da2fd77002b9a5b5d665687341277"),
} as const);

const shared = [
  { digest: digest("a".repeat(64)), size: 200_000_000 },
  { digest: digest("b".repeat(64)), size: 64_000_000 },
  { digest: digest("c".repeat(64)), size: 512_000 },
];
const image = (number: 1 | 2 | 3, checksum: string, last: number, kargs: readonly string[]) => ({
  version: `2026.${number}`,
  created: `2026-01-0${number}T00:00:00Z`,
  checksum,
  kargs,
  layers: [...shared, { digest: digest(String(number).repeat(64)), size: last }],
});

/** The three images as the recorded system saw them; v2 and v3 ship one kernel argument more than v1. */
export const images = frozen({
  [digests.v1]: image(
    1,
    "8a49a73717f98554abb0811867091f379827f087968ca52179c49b97d6593373",
    283,
    [],
  ),
  [digests.v2]: image(2, "d69e43d6c4a8f15f2eb1614a3f0d4fb0cb9dab3e9a17cffe15cbab516ef6d6c1", 405, [
    "holdout.v2=1",
  ]),
  [digests.v3]: image(3, "9ef81da4cf2be5ec5388dbb9e593169bd35df6641b1c2db9d8b769c258746bf2", 406, [
    "holdout.v2=1",
  ]),
});

const registry = "10.0.2.100:5000";
const refused = "dial tcp 10.0.2.100:5999: connect: connection refused";
const http = "http: server gave HTTP response to HTTPS client";
const ping = (address: string, scheme: string, why: string): string =>
  `pinging container registry ${address}: Get "${scheme}://${address}/v2/": ${why}`;

export type StoryStep =
  /** The transcript whose command is to be given, by its name. */
  | { readonly transcript: string }
  | { readonly publish: readonly [name: string, digest: string] }
  | { readonly reboot: true }
  /** Registries that fail, and how skopeo says so. */
  | { readonly fail: Readonly<Record<string, string>> };

const given = (...names: readonly string[]): StoryStep[] =>
  names.map((transcript) => ({ transcript }));

/** The ostree backend, in the order of the recording. */
export const ostreeStory: readonly StoryStep[] = frozen([
  ...given("02-status-human", "03-status-human-verbose", "04-status-json", "05-status-yaml"),
  ...given("06-status-format-version-1", "07-status-format-version-0"),
  ...given("08-status-format-version-2", "09-status-booted", "10-status-booted-human"),
  ...given("11-rollback-nothing", "24-usage-error", "25-upgrade-bad-option"),
  ...given("26-status-bad-format", "30-upgrade-nothing-check", "31-upgrade-nothing"),
  ...given("32-status-after-nothing", "33-switch-same", "34-switch-missing-tag"),
  ...given("35-switch-missing-repo"),
  { fail: { "10.0.2.100:5999": ping("10.0.2.100:5999", "https", refused) } },
  ...given("36-switch-unreachable", "37-switch-invalid", "38-upgrade-no-tag"),
  { publish: [follows, digests.v2] },
  ...given("40-upgrade-check-v2", "41-status-json-after-check", "42-status-human-after-check"),
  ...given("43-upgrade-download-only", "44-status-downloadonly-json"),
  ...given("45-status-downloadonly-human", "46-upgrade-check-while-staged"),
  ...given("47-upgrade-from-downloaded", "48-status-staged-json", "49-status-staged-human"),
  ...given("50-status-booted-staged", "51-upgrade-again-staged", "56-usr-overlay-staged"),
  ...given("57-status-usroverlay", "58-status-usroverlay-json"),
  { reboot: true },
  ...given("60-status-v2-json", "61-status-v2-human", "64-upgrade-nothing-on-v2", "65-rollback"),
  ...given("66-status-rollback-queued-json", "67-status-rollback-queued-human"),
  ...given("69-upgrade-while-rollback-queued", "70-rollback-again", "71-status-after-revert"),
  ...given("72-switch-mutate", "73-status-after-mutate", "74-upgrade-after-mutate"),
  ...given("75-mutate-back", "76-mutate-rw", "77-status-after-mutate-rw", "79-mutate-rw-back"),
  { fail: { [registry]: ping(registry, "https", http) } },
  ...given("80-no-insecure-conf"),
  { fail: { [registry]: ping(registry, "http", "EOF") } },
  ...given("81-registry-down", "82-registry-down-check"),
  { fail: {} },
  { publish: [follows, digests.v3] },
  ...given("85-upgrade-softreboot-check", "86-upgrade-v3", "87-status-v3-staged"),
]);

/** The composefs backend. */
export const composefsStory: readonly StoryStep[] = frozen([
  ...given("b01-status-json", "b02-status-human", "b06-upgrade-check", "b07-write-usr"),
  ...given("b08-upgrade-nothing", "b09-rollback-nothing", "b10-mutate", "b11-switch-missing"),
  { publish: [follows, digests.v2] },
  ...given("b12-upgrade-v2", "b13-status-staged-json", "b14-status-staged-human"),
  { reboot: true },
  ...given(
    "b20-status-v2-json",
    "b21-status-v2-human",
    "b23-rollback",
    "b24-status-rollback-queued",
  ),
]);
