/**
 * A kernel line may come at any byte of a line that systemd draws, colour codes included, and either may be the one that
 * matters. Left out is a cut behind a quote, an equals sign or a bracket: there a stamp may be a quotation.
 */
import { describe, expect, test } from "vitest";
import { fatalName, feed, type Stage, until, watcherAt } from "../unit/support/console.ts";

const esc = "\x1b";
const usb = "[    3.412345] usb 1-1: new device";
const harmless = [
  usb,
  "[    3.412345][    T1] usb 1-1: new device",
  "[   12.5] usb 1-1: new device",
  "[12345.412345] usb 1-1: new device",
  "[1234567.412345][ T1234] usb 1-1: new device",
];
const ends = ["\n", "\r\n", "\r\r\n"];

/** Each place at which `text` can be cut, with what comes out when `inner` stands there. */
const cuts = (text: string, inner: string): readonly string[] =>
  Array.from({ length: text.length + 1 }, (_, at) => text.slice(0, at) + inner + text.slice(at));

/** The texts that do not lead to this verdict. */
function missed(stage: Stage, name: string, texts: readonly string[]): string[] {
  return texts.filter((text) => {
    const watcher = watcherAt(stage);
    feed(watcher, text);
    return fatalName(watcher) !== name;
  });
}

describe("a line of systemd is read wherever a line of the kernel cuts it", () => {
  test.each<[Stage, string, string]>([
    [
      "initrd",
      "emergency-target",
      `[${esc}[0;32m  OK  ${esc}[0m] Reached target ${esc}[0;1;39memergency.target${esc}[0m - Emergency Mode.`,
    ],
    [
      "userspace",
      "local-file-systems-failed",
      `[${esc}[0;1;33mDEPEND${esc}[0m] Dependency failed for ${esc}[0;1;39mlocal-fs.target${esc}[0m - Local File Systems.`,
    ],
    [
      "initrd",
      "prepare-root",
      `[${esc}[0;1;31mFAILED${esc}[0m] Failed to start ${esc}[0;1;39mostree-prepare-root.service${esc}[0m - OSTree Prepare OS/.`,
    ],
    [
      "userspace",
      "ordering-cycle",
      `[${esc}[0;1;31m SKIP ${esc}[0m] Ordering cycle found, skipping ${esc}[0;1;39mlocal-fs.target${esc}[0m - Local File Systems`,
    ],
    [
      "initrd",
      "root-mount-failed",
      `${esc}[K[${esc}[0;1;31mFAILED${esc}[0m] Failed to mount ${esc}[0;1;38:5:185msysroot.mount${esc}[0m - /sysroot.`,
    ],
    ["initrd", "emergency-target", "[  OK  ] Reached target emergency.target - Emergency Mode."],
    ["userspace", "emergency-shell", "Give root password for maintenance"],
  ])("%s, %s: %j", (stage, name, line) => {
    const ways = [...harmless.map((inner) => [inner, "\r\n"]), [usb, "\n"], [usb, "\r\r\n"]];
    for (const [inner = "", end = ""] of ways) {
      const after = `[    6.000000] next${end}`;
      const texts = cuts(line + end, inner + end).map((text) => text + after);
      expect(missed(stage, name, texts), JSON.stringify([inner, end])).toEqual([]);
    }
  });

  test("also when more than one line of the kernel cuts it at one place", () => {
    const line = `[${esc}[0;32m  OK  ${esc}[0m] Reached target ${esc}[0;1;39memergency.target${esc}[0m - Emergency Mode.\r\n`;
    const inner = "[    3.412345] usb 1-1: a\r\n[    3.412399] usb 1-1: b\r\n[   12.5] c\r\n";
    expect(missed("initrd", "emergency-target", cuts(line, inner))).toEqual([]);
  });
});

describe("a line of the kernel is read wherever it cuts a line of systemd", () => {
  const line = `[${esc}[0;32m  OK  ${esc}[0m] Started ${esc}[0;1;39mplymouth-start.service${esc}[0m - Show Plymouth Boot Screen.`;
  const context = `${esc}]3008;start=9d88;user=root;type=boot${esc}\\${esc}P+q6E616D65${esc}\\${esc}[18t${esc}7${esc}[32766;32766H${esc}[6n${esc}8`;
  test.each([
    ["kernel-panic", "[    3.412345] Kernel panic - not syncing: Attempted to kill init!"],
    ["kernel-oops", "[    3.412345][    T1] BUG: kernel NULL pointer dereference, address: 0010"],
    ["kernel-oops", "[   12.5] Oops: 0000 [#1] SMP"],
    ["kernel-panic", "[12345.412345] Kernel panic - not syncing: Attempted to kill init!"],
    ["kernel-panic", "[1234567.4] Kernel panic - not syncing: Attempted to kill init!"],
    ["kernel-oops", "[12345678.412345][ T1234] Oops: 0000 [#1] SMP"],
  ])("%s: %s", (name, inner) => {
    for (const end of ends) {
      expect(missed("userspace", name, cuts(line + end, inner + end)), end).toEqual([]);
      const inContext = cuts(context, inner + end).filter((text) => !text.includes("=["));
      expect(missed("userspace", name, inContext), end).toEqual([]);
    }
  });
});

test("a colour code that is cut leaves nothing of itself to be read", () => {
  const line = `[${esc}[0;32m  OK  ${esc}[0m] Started ${esc}[0;1;39mfoo.service${esc}[0m - Foo.`;
  for (const text of cuts(`${line}\r\n`, `${usb}\r\n`)) {
    const watcher = watcherAt("userspace");
    feed(watcher, text);
    const said = watcher.rows.last(400, "said").slice(-3).join("");
    expect(said.replace(/.*!/, "").replace(usb, ""), JSON.stringify(text)).toContain(
      "[  OK  ] Started foo.service - Foo.",
    );
  }
});

test("an open code takes nothing away from a line that does not go on with it", () => {
  const watcher = watcherAt("userspace");
  feed(watcher, `Started ${esc}[0;1;3[    3.412345] usb 1-1: a\r\n[FAILED] Failed to start x.\r\n`);
  expect(watcher.rows.last(1)).toEqual(["[FAILED] Failed to start x."]);
  feed(watcher, `Started ${esc}[    3.412345] usb 1-1: a\r\nmemory is plain\r\n`);
  expect(watcher.rows.last(1)).toEqual(["memory is plain"]);
  feed(watcher, `Started ${esc}[0[    3.412345] usb 1-1: a\r\nemergency\r\n${until.kernel}`);
  expect(watcher.rows.last(400)).toContain("emergency");
});
