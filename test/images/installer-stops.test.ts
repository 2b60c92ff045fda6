/** What the stand-in installer says when it stops, against how a real one is read. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../harness/base/package-root.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { anaconda } from "../../harness/states/install/anaconda-words.ts";
import { InstallProgress } from "../../harness/states/install/installer-stages.ts";
import { judgeInstaller } from "../../harness/states/install/installer-words.ts";

const medium = join(packageRoot, "images", "installer", "medium");

const stopper = `
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import installer, talk
installer.log = lambda text: None
print(installer.stop_for(getattr(talk, sys.argv[2])(sys.argv[3])))
`;

const sentence = "The installation was stopped due to an error which occurred while running in";
test.each([
  ["NotSaved", "Unable to allocate requested partition scheme.", "host"],
  ["NotValid", "LUKS device vda4 has no encryption key.", "kickstart"],
  ["Failed", "12\n\nno such thing", "kickstart"],
] as const)(
  "the stand-in installer stops for what is %s in Anaconda's words and order",
  async (kind, reason, blame) => {
    const words = ["-c", stopper, medium, kind, reason];
    const { stdout, stderr } = await attemptCommand("python3", words);
    expect(stderr).toBe("");
    const progress = new InstallProgress(0, anaconda);
    // What it returns stands behind Anaconda's sentence.
    const lines = stdout
      .trim()
      .replace(/^(?:Non interactive|The following mandatory)/m, `${sentence}\n$&`);
    for (const line of lines.split("\n")) progress.feed(line, 1);
    expect(judgeInstaller(progress.failed).blame).toBe(blame);
  },
);
