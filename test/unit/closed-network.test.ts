/** A boot that greenboot has ended, by what its console names and by whether the harness has closed the network. */
import { expect, test } from "vitest";
import { BootFailed, CannotTell } from "../../harness/base/errors.ts";
import { unlessClosed } from "../../harness/engine/closed-network.ts";
import { parseNeedNetwork } from "../../harness/guest/tools/systemd.ts";

const red = new BootFailed(
  "Guest 'a' did not boot: the image's own health check failed (greenboot).",
  { stage: "userspace", pattern: "greenboot-red", lookAt: "console.log:9" },
);
const end =
  "[FAILED] Failed to start greenboot-healthcheck.service - greenboot Health Checks Runner.";
const failure = (script: string, more = ""): string =>
  `[   12.345678] host greenboot[812]: <0>Script '${script}' FAILURE (exit code '1')${more}`;
const [closed, open] = [{ network: "closed" }, { network: "open" }] as const;

test.each([
  ["resolves names", [failure("01_repository_dns_check.sh")]],
  ["asks the watchdog", [failure("02_watchdog.sh")]],
  ["is not named", []],
  [
    "is named beside one that need not succeed",
    [failure("50_own.sh", ". Continuing..."), failure("01_repository_dns_check.sh")],
  ],
])("a check that %s proves nothing in a closed network", (_, rows) => {
  const error = unlessClosed(red, { all: [...rows, end] }, [closed]);
  expect(error).toBeInstanceOf(CannotTell);
  expect(String(error)).toMatch(/--network open/);
  expect(unlessClosed(red, { all: [...rows, end] }, [open])).toBe(red);
});

test("a check of the image's own fails it, and so does another end of the boot", () => {
  const rows = [failure("01_repository_dns_check.sh"), failure("50_own.sh"), end];
  expect(unlessClosed(red, { all: rows }, [closed])).toBe(red);
  const panic = new BootFailed("Guest 'a' did not boot.", {
    ...{ stage: "kernel", pattern: "kernel-panic" },
  });
  expect(unlessClosed(panic, { all: [] }, [closed])).toBe(panic);
});

test("what needs a network is told by what a unit is ordered after, wants or requires", () => {
  const block = (id: string, after: string, wants = "", requires = ""): string =>
    `Id=${id}\nRequires=${requires}\nWants=${wants}\nAfter=${after}\n`;
  const online = "network-online.target";
  const text = [
    block("a.service", `basic.target ${online}`),
    block("b.service", "", online),
    block("c.service", "", "", online),
    block("d.service", "network.target not-network-online.target"),
    block("chrony-wait.service", "chronyd.service"),
    // Ordered before what they wait for.
    block("NetworkManager-wait-online.service", "NetworkManager.service"),
    block("systemd-networkd-wait-online@eth0.service", "systemd-networkd.service"),
    block("NetworkManager.service", "dbus.service"),
  ].join("\n");
  expect(parseNeedNetwork(text)).toEqual([
    ...["a.service", "b.service", "c.service", "chrony-wait.service"],
    ...["NetworkManager-wait-online.service", "systemd-networkd-wait-online@eth0.service"],
  ]);
  expect(parseNeedNetwork("")).toEqual([]);
});
