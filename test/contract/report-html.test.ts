import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { foldRun } from "../../harness/log/run-model.ts";
import { compareRuns } from "../../reports/compare.ts";
import { consoleExcerpt, fatalIndex, fatalLineNumber } from "../../reports/console-excerpt.ts";
import { escapeHtml, markup } from "../../reports/html/markup.ts";
import { html } from "../../reports/html.ts";
import { reportFiles } from "../../reports/render-all.ts";
import { bootFailed, fullRun, greenRun, killedRun, panicLine } from "../golden/report-events.ts";
import { hostileRun, hostileStrings } from "../golden/report-hostile.ts";
import { renderAll, sampleDecision, sampleInputs } from "../golden/report-inputs.ts";
import { knownRun } from "../golden/report-known-run.ts";

const full = foldRun(fullRun);

describe("the page", () => {
  const page = html(full, sampleInputs);

  test("fetches nothing and allows only its own script and style", () => {
    expect(page).not.toMatch(
      /<(?:link|iframe|object|embed|base|form)\b|\bsrc="(?!data:)|url\(|@import/u,
    );
    expect(page).not.toMatch(/\sstyle="|\son[a-z]+="/u);
    for (const tag of ["script", "style"]) {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)?.[1] ?? "";
      expect(page).toContain(`'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    }
  });

  test("marks the fatal line and links to it", () => {
    const id = /<li id="([^"]+)" class="fatal">/u.exec(page)?.[1];
    expect(id).toMatch(/-1242$/);
    expect(page).toContain(`<a href="#${id}">Jump to the line on the console</a>`);
  });

  test("has no id twice and no link into nothing", () => {
    const ids = [...page.matchAll(/\sid="([^"]+)"/gu)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/gu)) expect(ids).toContain(target);
  });

  test("tells earlier runs as a table, problems first, and beside each job", () => {
    const table = /<section aria-labelledby="history">[\s\S]*?<\/section>/u.exec(page)?.[0] ?? "";
    const rows = [...table.matchAll(/<tr><th scope="row">(.*?)<\/tr>/gu)].map(([, row = ""]) =>
      row
        .replaceAll(/<[^>]*>/gu, " ")
        .replaceAll(/\s+/gu, " ")
        .trim(),
    );
    expect(rows).toEqual([
      "boot/health@qemu-x86_64-uefi 30 on tcg 3 of 30 (10 %) 3 of 30 (10 %) 61.5 s 12.0 s",
      "composefs/root@qemu-x86_64-uefi 30 on tcg 0 of 30 (0 %) 0 of 30 (0 %) 61.5 s 1.0 s",
      "bootc/etc-var-kept@qemu-x86_64-bios 30 on tcg 0 of 30 (0 %) 4 of 30 (13 %) 61.5 s 73.0 s",
      "bootc/upgrade-rollback@qemu-x86_64-uefi 30 on tcg 0 of 30 (0 %) 0 of 30 (0 %) 61.5 s 105.0 s",
      "boot/health@board-pi4 0 on tcg - - – –",
    ]);
    expect(page).toContain(
      '<p class="soft">History: failed in 3 of the last 30 runs on tcg (1 of them broken, the last 2 in a row), flaky in 3</p>',
    );
    expect(html(full)).not.toMatch(/aria-labelledby="history"|>History/u);
  });

  test("links to the tracker of a known failure, and to nothing that is not a web page", () => {
    expect(html(foldRun(knownRun))).toContain(
      '<a href="https://tracker.example/issues/71">https://tracker.example/issues/71</a>. It is still counted as failed.',
    );
    const forged = knownRun.map((event) =>
      event.type === "known-failure"
        ? { ...event, tracker: "javascript:alert(1)//https://" }
        : event,
    );
    expect(html(foldRun(forged))).not.toMatch(/href="javascript/u);
  });

  test("opens what failed and folds the rest", () => {
    expect(
      [...page.matchAll(/data-standing="(\w+)" data-text="[^"]*"( open)?/gu)].map((match) => [
        match[1],
        match[2] !== undefined,
      ]),
    ).toEqual([
      ["failed", true],
      ["broken", true],
      ["flaky", false],
      ["passed", false],
      ["skipped", false],
    ]);
  });

  test.each([
    ["full", html(full), "Failed"],
    ["killed", html(foldRun(killedRun)), "Cannot tell"],
    ["green", html(foldRun(greenRun)), "Passed"],
    ["held", html(foldRun(greenRun), { decision: { verdict: "HOLD", reasons: ["x"] } }), "HOLD"],
    ["promoted", html(full, { decision: { verdict: "PROMOTE", reasons: [] } }), "PROMOTE"],
  ])("a %s run is headed by its verdict", (_name, text, word) => {
    expect(/<h1>([^<]*)<\/h1>/u.exec(text)?.[1]).toBe(word);
  });

  test("a hold says whose fault it is, leads to the jobs, and shows what else it rests on", () => {
    const text = html(full, { ...sampleInputs, decision: sampleDecision });
    expect(text).toContain('<h1>HOLD</h1><p class="soft">The image is at fault.</p>');
    expect(text).toContain(
      '<li><a href="#job-boot-health-qemu-x86_64-uefi">boot/health failed: the kernel panicked</a></li>',
    );
    expect(text).toContain("<li>composefs/root cannot be judged</li>");
    for (const words of [
      "kept: boot took 61 s",
      "<li>pulled was not measured",
      "by Ada until 2026-12-31",
    ])
      expect(text).toContain(words);
    expect(text).toContain("the promoted run was on another kind of host");
    const bare = html(full, { decision: { verdict: "PROMOTE", because: null, reasons: ["ok"] } });
    expect(bare).not.toContain("rests on");
  });

  test("takes only pictures as pictures", () => {
    const screenshots = new Map([["jobs/boot-health/v2.png", "javascript:alert(1)"]]);
    expect(html(full, { screenshots })).not.toContain("javascript:");
  });
});

describe.each(Object.entries(hostileStrings))("a guest that prints %s", (_name, text) => {
  test("adds no element and no attribute to the page", () => {
    const consoles = new Map([
      ["jobs/x/console.log", { lines: text.slice(0, 5000).split("\n"), firstLineNumber: 1 }],
    ]);
    const page = html(foldRun(hostileRun(text)), { consoles });
    const outside = page.replace(/<(script|style)>[\s\S]*?<\/\1>/gu, "");
    // Every tag is one of ours, with attributes in the one way that we write them.
    const ours = /^<(?:!doctype html|\/?[a-z0-9]+(?:\s[a-z-]+(?:="[^"<>]*")?)*)\/?>$/u;
    for (const [tag] of outside.matchAll(/<[^>]*>?/gu)) expect(tag).toMatch(ours);
    expect(outside).not.toMatch(/<(?:img|script)\b/u);
    expect(page).not.toMatch(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]|\p{Surrogate}/u,
    );
    expect(page.length).toBeLessThan(400_000);
  });
});

test("markup escapes every value but markup", () => {
  const inner = markup`<b>${"\"<&>'"}</b>`;
  expect(markup`<p title="${'" x="'}">${inner}${[inner]}${null}${3}</p>`.html).toBe(
    `<p title="&quot; x=&quot;"><b>&quot;&lt;&amp;&gt;&#39;</b><b>&quot;&lt;&amp;&gt;&#39;</b>3</p>`,
  );
  expect(escapeHtml("\u0000\u001b[31mx")).toBe("x");
});

describe("the console excerpt", () => {
  const chunks = (text: string, size: number): Buffer[] => {
    const all = Buffer.from(text);
    return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
      all.subarray(index * size, (index + 1) * size),
    );
  };
  const log = Array.from({ length: 1000 }, (_, index) => `line é ${index + 1}`).join("\r\n");

  test.each([1, 7, 4096])("is the same for chunks of %i bytes", async (size) => {
    const excerpt = await consoleExcerpt(chunks(log, size), { count: 3 });
    expect(excerpt).toEqual({
      firstLineNumber: 998,
      lines: ["line é 998", "line é 999", "line é 1000"],
    });
  });
  test("holds the asked line with lines before and after", async () => {
    const excerpt = await consoleExcerpt(chunks(log, 999), { around: 500, count: 40 });
    expect(excerpt.firstLineNumber).toBe(471);
    expect(excerpt.lines.at(-1)).toBe("line é 510");
  });
  test("cuts a line without end and keeps little of it", async () => {
    const excerpt = await consoleExcerpt(Array(200).fill(Buffer.alloc(65_536, "x")));
    expect(excerpt.lines).toHaveLength(1);
    expect(excerpt.lines[0]).toHaveLength(500);
  });
  test("finds the fatal line by number, else by the error's own quotation", () => {
    const excerpt = { firstLineNumber: 10, lines: ["a", panicLine, "b"] };
    expect(fatalIndex(excerpt, { message: "", fatalLine: { lineNumber: 12 } })).toBe(2);
    expect(fatalIndex(excerpt, { message: "", fatalLine: { lineNumber: 99 } })).toBeNull();
    expect(fatalIndex(excerpt, bootFailed)).toBe(1);
    const twice = { firstLineNumber: 10, lines: ['say "no way"', "x", 'say "no way"'] };
    const message = `m\n  console    ${JSON.stringify('say "no way"')} at 3 s\n  look at    a/console.log:10`;
    expect(fatalIndex(twice, { message })).toBe(0);
    expect(fatalIndex(twice, { message: message.replace(":10", ":11") })).toBe(2);
    expect(fatalLineNumber({ message })).toBe(10);
    expect(fatalIndex(excerpt, { message: "nothing quoted" })).toBeNull();
  });
});

test("a comparison tells what got worse before what got better", () => {
  const changed = foldRun(
    fullRun.map((event) =>
      event.type === "job-ended" && event.job.startsWith("bootc/upgrade")
        ? { ...event, durationMs: event.durationMs * 2 }
        : event,
    ),
  );
  const kinds = compareRuns(changed, full).changes.map(({ job, kind }) => [job, kind]);
  expect(kinds).toEqual([["bootc/upgrade-rollback@qemu-x86_64-uefi", "slower"]]);
  expect(compareRuns(full, full)).toEqual({ changes: [], same: 5, images: [] });
  expect(compareRuns(foldRun(killedRun), full).changes.map(({ kind }) => kind)).toEqual([
    "worse",
    "worse",
    "worse",
    "gone",
    "gone",
  ]);
});

test("every report file is made", () => {
  expect([...renderAll(full, sampleInputs).keys()]).toEqual(reportFiles);
});
