/** What makes an ISO a live medium, what becomes of stories on one, and how its kernel is told to speak. */
import { expect, test } from "vitest";
import { asDigest } from "../../harness/base/units.ts";
import { withLiveMedia } from "../../harness/cli/wiring/live-jobs.ts";
import { mediumArguments } from "../../harness/engine/medium.ts";
import { type MachineChoice, planJobs } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { type Image, isLiveMedium } from "../../images/image.ts";

const digest = asDigest(`sha256:${"1".repeat(64)}`);
const place = { path: "/x", start: 0, size: 1 };
const iso = (words: readonly string[], more: Partial<Image["installer"]> = {}): Image => ({
  ...{ name: "/isos/os.iso", digest, manifest: null, architecture: "x86_64", disk: null },
  installer: {
    ...{ path: "/isos/os.iso", label: "OS", digest, stamp: "", kernel: place, initrd: place },
    ...{ arguments: words, carriesImage: false, family: "anaconda", ...more },
  },
  ...{ oci: null, follows: null, standIns: [] },
});
const machine: MachineChoice = {
  ...{ driver: "qemu", architecture: "x86_64", firmware: "bios", accelerator: "tcg" },
  ...{ timeScale: 6, memoryMiB: 1536, cpus: 2, network: "closed", sectorBytes: [512] },
  ...{ capabilities: new Set(["screenshot"] as const), refusal: null },
};
const story = (id: string, needs: LoadedScenario["definition"]["needs"]): LoadedScenario => ({
  id,
  definition: { summary: id, needs, timeoutMinutes: 1, run: async () => undefined },
});
const stories = [
  story("boot/health", { images: ["candidate"] }),
  story("install/kickstart", { images: ["candidate"], installs: ["candidate"] }),
  story("live/session", { images: ["candidate"], boots: [], live: ["candidate"] }),
];

test.each([
  // lorax, kiwi and Universal Blue's media; dracut's getargbool for the values.
  ["root=live:CDLABEL=Fedora-WS-Live-43 rd.live.image quiet rhgb", true],
  ["root=live:CDLABEL=titanoboa_boot enforcing=0 rd.live.image=1", true],
  ["coreos.liveiso=fedora-coreos-43 ignition.firstboot", true],
  ["boot=live components quiet", true],
  ["root=live:CDLABEL=X rd.live.image=0", false],
  ["inst.stage2=hd:LABEL=Fedora-S-dvd-x86_64-43 rd.live.check quiet", false],
  ["root=live:CDLABEL=X rd.live.image inst.ks=cdrom:/ks.cfg", false],
  ["rd.live.imagery x=rd.live.image", false],
  ["", false],
])("'%s' starts a live system: %s", (words, isLive) => {
  expect(isLiveMedium({ arguments: words.split(" ") })).toBe(isLive);
});

test("its kernel gets the entry's own words, and speaks; nothing reads the whole medium first", () => {
  const words =
    "${extra_cmdline} root=live:CDLABEL=X rd.live.image rd.live.check quiet rhgb console=ttyS9 ---";
  expect(mediumArguments({ arguments: words.split(" ") }, "x86_64")).toBe(
    "root=live:CDLABEL=X rd.live.image console=tty0 console=ttyS0,115200 loglevel=7",
  );
});

const live = ["root=live:CDLABEL=X", "rd.live.image"];
const skips = (candidate: Image, how: Parameters<typeof withLiveMedia>[1] = {}) => {
  const planned = planJobs({
    scenarios: stories,
    images: { candidate },
    machines: [machine],
    buildsDisks: true,
    repeatOptions: [],
  });
  return withLiveMedia(planned, how).map(({ skip }) => skip);
};

test("stories that need an installed disk are skipped on it, with what to do", () => {
  const words =
    "The candidate image 'os.iso' is a live medium, which installs nothing by itself: play live/session on it, or give the installer ISO of the same release, or its disk image.";
  expect(skips(iso(live))).toEqual([words, words, null]);
});

test("a medium that somebody says how to install from is installed from, and is still a live one", () => {
  expect(skips(iso(live), { kickstart: "mine.ks" })).toEqual([null, null, null]);
  expect(skips(iso(live, { carriesImage: true }))).toEqual([null, null, null]);
});

test("what is not a live medium has no live session", () => {
  const words = (name: string) => `The candidate image '${name}' is not a live medium.`;
  const netinst = iso(["inst.stage2=hd:LABEL=X"]);
  expect(skips(netinst)).toEqual([null, null, words("/isos/os.iso")]);
  const disk: Image = {
    ...{ name: "disk.qcow2", digest, manifest: null, architecture: "x86_64" },
    disk: { path: "/disk.qcow2", format: "qcow2", digest },
    ...{ oci: null, follows: null, standIns: [] },
  };
  expect(skips(disk)[2]).toBe(words("disk.qcow2"));
});
