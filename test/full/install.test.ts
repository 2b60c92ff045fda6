/** What an installer can do besides the shortest way, and every way in which it can fail. Minutes each, so the long tier's. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "../vm/command-line.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-install-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("by UEFI, with partitions of its own, and a kickstart that comes over HTTP", async () => {
  const words = ["run", "install/kickstart", "--candidate", "reference-installer"];
  const ways = ["--kickstart-layout", "custom", "--kickstart-by", "http"];
  const { code, output } = await bootgate([...words, ...ways, "--firmware", "uefi", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);
  const texts = eventsOf(join(out, "latest")).flatMap((event) =>
    event.type === "deviation" && event.id === "installed" ? [event.text] : [],
  );
  expect(texts.join()).toMatch(/kickstart of the harness, fetched over HTTP/);
});

test.each(["uefi", "bios"])(
  "by the ISO's own boot loader under %s, with keys typed on serial",
  async (firmware) => {
    const words = ["run", "install/kickstart", "--candidate", "reference-installer"];
    const ways = ["--installer-boot", "loader", "--firmware", firmware];
    const { code, output } = await bootgate([...words, ...ways, "--out", out]);
    expect(code, output.slice(-3000)).toBe(0);
    const events = eventsOf(join(out, "latest"));
    const texts = events.flatMap((event) =>
      event.type === "deviation" && event.id === "installed" ? [event.text] : [],
    );
    expect(texts.join()).toMatch(
      /boot loader started 'Install the .*', which is not its default \('Test this media .*typed behind its own: inst\.ks=hd:LABEL=OEMDRV/,
    );
    const stages = events.flatMap((event) => (event.type === "state-stage" ? [event.stage] : []));
    expect(stages).toEqual(expect.arrayContaining(["installer firmware", "installer loader"]));
  },
);

test("every installer that cannot succeed is judged for the right reason", async () => {
  const words = ["selftest", "--only", "installer", "--out", out];
  const { code, output } = await bootgate(words);
  expect(code, output.slice(-3000)).toBe(0);
  expect(output).toMatch(/(\d+) of \1 cases were judged as they must be/);
});
