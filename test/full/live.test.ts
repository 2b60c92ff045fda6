/** Live media on real machines: by both firmwares, by the medium's own boot loader, and each way in which the stand-in can be wrong. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placeFor } from "./support/played.ts";

const place = placeFor("live");

test.each([
  ["directly under bios", ["--firmware", "bios"], /started directly, past its boot loader/],
  [
    "by its own boot loader under uefi",
    ["--firmware", "uefi", "--installer-boot", "loader"],
    /boot loader started 'Start the .*', which is not its default \('Test this media/,
  ],
])(
  "a live medium is started %s, somebody is logged in, and a picture is kept",
  async (_, ways, start) => {
    const words = ["run", "live", "--candidate", "reference-live", ...ways];
    const { code, output, events, directory: run } = await place.play(words);
    expect(code, output.slice(-3000)).toBe(0);
    const texts = events.flatMap((event) =>
      event.type === "deviation" && event.id === "live-medium" ? [event.text] : [],
    );
    expect(texts.join()).toMatch(start);
    const notes = events.flatMap((event) => (event.type === "note" ? [event.text] : []));
    expect(notes).toContain("A session of liveuser is there (tty).");
    const pictures = events.flatMap((event) =>
      event.type === "evidence" && event.kind === "screenshot" ? [event.path] : [],
    );
    expect(pictures).toHaveLength(1);
    const bytes = await readFile(join(run, pictures[0] ?? ""));
    expect(bytes.subarray(1, 4).toString()).toBe("PNG");
    expect(await readFile(join(run, "report.html"), "utf8")).toContain("data:image/png;base64,");
  },
);

test("every live medium that is wrong is judged for the right reason", () =>
  place.catches("live", 3));
