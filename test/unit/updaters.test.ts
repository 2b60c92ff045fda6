/** What upgrades an image by itself is stopped before a story, and told. */
import { expect, test } from "vitest";
import { CannotTell } from "../../harness/base/errors.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { stopUpdaters, stopUpdatersAgain } from "../../harness/guest/tools/updaters.ts";

const block = (id: string, file: string, active: string): string =>
  `Id=${id}\nActiveState=${active}\nUnitFileState=${file}\n`;

/** A guest with these units; `ran` has what was run in it besides the question. */
function guestOf(units: string, stopEnds = 0) {
  const ran: string[] = [];
  const exec: GuestIo["exec"] = async (command) => {
    const isShow = command.includes("systemctl show");
    if (!isShow) ran.push(command.replace("env LC_ALL=C ", ""));
    const answer = isShow ? { stdout: units, exitCode: 0 } : { stdout: "", exitCode: stopEnds };
    return { ...answer, command, stderr: "", truncated: false, durationMs: 0 };
  };
  const io = { name: "candidate", lookAt: "console.log", timeScale: 1, exec };
  return { guest: { ...io, aside: io }, ran };
}

const units = [
  block("uupd.timer", "enabled", "active"),
  block("zincati.service", "enabled", "inactive"),
  block("rpm-ostreed-automatic.timer", "disabled", "inactive"),
  block("bootc-fetch-apply-updates.timer", "", "inactive"),
  block("bootloader-update.service", "enabled", "active"),
].join("\n");

test("those that run or are enabled are stopped and told, after each boot", async () => {
  const { guest, ran } = guestOf(units);
  const told: string[] = [];
  await stopUpdatersAgain(guest);
  expect(ran).toEqual([]);
  await stopUpdaters(guest, ({ id, text }) => told.push(`${id}: ${text}`));
  expect(ran).toEqual(["systemctl stop -- uupd.timer zincati.service"]);
  expect(told).toEqual([
    "updates-stopped: What upgrades the system by itself was stopped for as long as each boot lasts: uupd.timer, zincati.service.",
  ]);
  await stopUpdatersAgain(guest);
  expect(ran).toHaveLength(2);
});

test("where there is none nothing is done", async () => {
  const { guest, ran } = guestOf(block("uupd.timer", "", "inactive"));
  await stopUpdaters(guest, () => expect.unreachable());
  expect(ran).toEqual([]);
});

test("one that cannot be stopped is not the image's fault", async () => {
  await expect(stopUpdaters(guestOf(units, 1).guest)).rejects.toBeInstanceOf(CannotTell);
});
