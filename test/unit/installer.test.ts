// What an installer says, and what is made of it.
import { describe, expect, test } from "vitest";
import { anaconda } from "../../harness/states/install/anaconda-words.ts";
import { InstallProgress } from "../../harness/states/install/installer-stages.ts";
import { good, play, stop } from "./support/installer-lines.ts";

describe("stages", () => {
  test("a good installation goes through all of them, in their order", () => {
    const progress = play(good);
    expect(progress.starts.map(({ stage, atMs }) => `${stage} ${atMs}`)).toEqual([
      "off 0",
      "kernel 1000",
      "dracut 2000",
      "anaconda 4000",
      "storage 6000",
      "payload 9000",
      "bootloader 11000",
      "post 12000",
      "complete 14000",
      "reboot 15000",
    ]);
    expect(progress.isComplete).toBe(true);
    expect(progress.failed).toEqual([]);
  });

  test("a stage never goes back, and one that is said late is not missed", () => {
    const progress = play([
      ...good.slice(0, 11),
      "Configuring storage",
      "Creating ext4 on /dev/vda2",
    ]);
    expect(progress.stage).toBe("bootloader");
    expect(play(["Bootc deployment in progress: oci:/x"]).stage).toBe("payload");
  });

  test("what bootc says at its own end is not the installer's end", () => {
    expect(play([...good.slice(0, 10), "Installation complete!"]).isComplete).toBe(false);
    expect(play(["Installation complete. Press ENTER to quit:"]).isComplete).toBe(true);
  });

  const finished =
    "13:00:01,000 DBG anaconda:anaconda: ui.tui.spokes.installation_progress: The installation has finished.";
  const stored = "Storing configuration files and kickstarts";

  test("a product without a licence says of its end in its log alone", () => {
    const end = "[  312.0] reboot: Restarting system";
    expect(play([...good.slice(0, 13), stored, finished, end]).isDone).toBe(true);
    expect(play([...good.slice(0, 13), stored, end]).isDone).toBe(true);
    expect(play([...good.slice(0, 13), end]).isDone).toBe(false);
  });

  test("the log says of an installation that failed that it has finished", () => {
    const progress = play([...good.slice(0, 8), finished, ...stop, "x.", good.at(-1) ?? ""]);
    expect(progress.isDone).toBe(false);
    expect(progress.failed[0]).toBe(stop[0]);
  });

  test("osbuild's marker is said before the other scripts, which may fail or take their time", () => {
    const marked = [...good.slice(0, 13), "Install finished"];
    expect(play(marked).isDone).toBe(true);
    expect(play(marked).overdue(14_000 + 4 * 60_000, 1, 0)).toBeNull();
    const failed = play([...marked, "There was an error running the kickstart script at line 40."]);
    expect(failed.failed).toHaveLength(1);
    expect(failed.isDone).toBe(false);
  });

  test("what a service says by way of the journal is read like the rest", () => {
    const progress = play(good.map((line) => `[   33.517655] anaconda[2628]: ${line}`));
    expect(progress.isComplete).toBe(true);
    expect(progress.starts.map(({ stage }) => stage)).toContain("anaconda");
  });

  test("a stage has a limit of its own, by the host's slowness", () => {
    const progress = play(good.slice(0, 4));
    expect(progress.overdue(4000 + 5 * 60_000, 1, 0)).toBeNull();
    expect(progress.overdue(4001 + 5 * 60_000, 1, 0)).toBe("anaconda");
    expect(progress.overdue(4001 + 5 * 60_000, 10, 0)).toBeNull();
  });

  test("what a failure says is gathered until nothing more comes", () => {
    const progress = play([...good.slice(0, 6), "storage configuration failed: x", "more"]);
    expect(progress.failed).toEqual(["storage configuration failed: x", "more"]);
    expect(progress.hasSaidWhy(11_999, 4000)).toBe(false);
    expect(progress.hasSaidWhy(12_000, 4000)).toBe(true);
  });

  test("endless lines and many lines cost nothing", () => {
    const began = performance.now();
    const long = `Creating ${"a".repeat(500_000)}`;
    const progress = new InstallProgress(0, anaconda);
    for (let index = 0; index < 2000; index++) progress.feed(long, index);
    progress.feed("Traceback (most recent call last):", 1);
    for (let index = 0; index < 2000; index++) progress.feed(`line ${index}`, index);
    expect(progress.failed).toHaveLength(60);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
