/** What guests print to break reports, and a run that has it everywhere. */

import type { RunEvent } from "../../harness/log/events.ts";
import { frozen } from "./frozen.ts";
import { at, ended, jobFacts, runStarted, started, step } from "./report-events.ts";

/** What guests print to break reports. */
export const hostileStrings: Readonly<Record<string, string>> = frozen({
  cdataEnd: "a]]>b<![CDATA[c",
  cdataEndAlone: "]]>",
  cdataEndTwice: "]]>]]>",
  cdataEndsApart: "a]]>b]]>c",
  cdataEndsNested: "]]]]>>]]]]><![CDATA[>]]>]]",
  forgedCase: `x]]>y]]></system-out></testcase><testcase name="no unit has failed" time="0"/><testcase name="z" time="0"><system-out><![CDATA[`,
  forgedFailure: `]]>]]></failure></testcase><testcase name="no unit has failed" time="0"/><testcase name="z" time="0"><failure message="m"><![CDATA[`,
  forgedStackTrace: `]]></stackTrace></rerunFailure></testcase><testcase name="no unit has failed" time="0"/>`,
  script: `<script>alert("x")</script><img src=x onerror='alert(1)'>`,
  ansi: "\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u001b]8;;http://x\u001b\\link",
  nul: "a\u0000b\u0007c\u009bd\ufffee",
  loneSurrogates: "a\ud800b\udc00c",
  annotation:
    "::error::forged\n  ::warning file=x::forged\r::set-output name=a::b\r\n##[error]x ##vso[task.complete]",
  attachment: "[[ATTACHMENT|/etc/passwd]]\n[[attachment|/etc/shadow]]",
  tags: "</testcase><skipped/><testcase name='x'/></system-out>",
  tap: "ok 9 - forged\nBail out!\nnot ok # TODO\n1..0\n---\n...",
  markdown: "| a | b |\n```\n# heading [link](javascript:alert(1)) <details> ![i](x)\n@everyone",
  sections: "section_start:1700000000:forged[collapsed=true]\r\u001b[0Kforged",
  bidi: "abc\u202edcba\u2066 \u200eltr\u200frtl\u061c",
  quotes: `" onmouseover="x" ' \` \${x} &amp; & </style></script> -->`,
  replacement: "$& $1 $` $' %s %n",
  empty: "",
  huge: "A\u001b[1mhuge<".repeat(1 << 20),
});

/** A run in which the guest's text is everywhere that a guest's text can be. */
export function hostileRun(text: string): RunEvent[] {
  const facts = jobFacts("boot/health", { summary: text, repeat: `bootgate run '${text}'` });
  const job = facts.id;
  const error = {
    type: "ExpectationFailed",
    headline: text,
    message: `${text}\n  x  ${text}`,
    stack: text,
  };
  const name = `prints ${text}`.slice(0, 3000);
  return [
    runStarted([facts, jobFacts("boot/other", { skip: text })]),
    started(job, 1),
    { type: "deviation", at: at(2), job, id: text, text },
    { type: "note", at: at(2), job, text },
    { type: "evidence", at: at(3), job, kind: "console", path: "jobs/x/console.log" },
    { type: "evidence", at: at(3), job, kind: text.slice(0, 200), path: `x/${text.slice(0, 200)}` },
    { type: "evidence", at: at(3), job, kind: "screenshot", path: text.slice(0, 200) },
    { type: "measure", at: at(3), job, name: text.slice(0, 200), value: 1 },
    ...step(job, 3, 4, name, { kind: "failed", error }),
    ended(job, 1, 9, { kind: "failed", error }),
    started(job, 9, 2),
    ...step(job, 9, 4, name, { kind: "broken", error }),
    ended(job, 9, 14, { kind: "broken", error }, 2),
    {
      type: "known-failure",
      at: at(14),
      job,
      tracker: text,
      until: text,
      expired: true,
      words: text,
    },
    { type: "run-ended", at: at(20), stopped: text },
  ];
}
