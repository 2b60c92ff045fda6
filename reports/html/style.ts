/**
 * The page's style. System fonts and no images, so that it works offline; colours keep WCAG AA contrast in both themes;
 * no colour tells alone what a word does not.
 */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --ink: #1a1f26; --soft: #545e6a; --line: #d5dae1; --link: #0b5cad;
  --passed: #1a7435; --flaky: #8a5a00; --failed: #c01c28; --broken: #7b3fc4; --skipped: #545e6a;
  --passed-tint: #e6f4ea; --flaky-tint: #fdf3d8; --failed-tint: #fdebec; --broken-tint: #f3ebfd; --skipped-tint: #eceff3;
  --stage0: #7a8694; --stage1: #9a6b00; --stage2: #2f6fc4; --stage3: #0f8a83; --stage4: #3d8b3d;
  --code: #f0f2f5; --mark: #ffe1e3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #171b22; --ink: #e7eaef; --soft: #a3adb9; --line: #303844; --link: #7cb8ff;
    --passed: #56c271; --flaky: #e2b340; --failed: #ff8078; --broken: #c6a0ff; --skipped: #a3adb9;
    --passed-tint: #12291a; --flaky-tint: #2e2610; --failed-tint: #351619; --broken-tint: #261b38; --skipped-tint: #20262f;
    --stage0: #8b97a6; --stage1: #d09a2c; --stage2: #5b9bef; --stage3: #2fb3aa; --stage4: #6cbf6c;
    --code: #0b0e12; --mark: #4a1a1f;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
.wrap { max-width: 72rem; margin: 0 auto; padding: 1rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
.skip-link { position: absolute; left: -999rem; }
.skip-link:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
h1, h2, h3, h3 { font-size: 1rem; margin: .8rem 0 .3rem; } .job > summary h3 { margin: 0; }
h4 { line-height: 1.25; margin: 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .75rem; }
h4 { font-size: .8rem; text-transform: uppercase; letter-spacing: .05em; color: var(--soft); margin: 1.25rem 0 .4rem; }
h4.attempt { font-size: 1rem; text-transform: none; letter-spacing: 0; color: var(--ink); border-top: 1px solid var(--line); padding-top: .8rem; }
code, pre, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .84rem; }
.verdict { background: var(--card); border: 1px solid var(--line); border-left: .5rem solid var(--skipped); border-radius: .6rem; padding: 1.25rem 1.5rem; }
.verdict p { margin: .35rem 0 0; overflow-wrap: anywhere; }
.verdict h1 { font-size: 1.9rem; letter-spacing: .01em; }
.verdict.good { border-left-color: var(--passed); } .verdict.good h1 { color: var(--passed); }
.verdict.bad { border-left-color: var(--failed); } .verdict.bad h1 { color: var(--failed); }
.verdict.unsure { border-left-color: var(--broken); } .verdict.unsure h1 { color: var(--broken); }
.verdict ul { margin: .5rem 0 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.brand { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; margin: 0 0 .75rem; font-size: .9rem; color: var(--soft); }
.brand strong { color: var(--ink); }
.verdict .chips { padding: 0; margin: 1rem 0 0; }
.chips { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 0; padding: 0; list-style: none; }
.job > summary .chip { justify-self: start; }
.chip { display: inline-flex; align-items: center; gap: .4em; padding: .1rem .65rem; border-radius: 1rem; font-size: .86rem; font-weight: 600; white-space: nowrap; border: 1px solid transparent; }
.chip.passed { color: var(--passed); background: var(--passed-tint); } .chip.flaky { color: var(--flaky); background: var(--flaky-tint); }
.chip.failed { color: var(--failed); background: var(--failed-tint); } .chip.broken { color: var(--broken); background: var(--broken-tint); }
.chip.skipped, .chip.notRun { color: var(--skipped); background: var(--skipped-tint); }
.scroll { position: relative; overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; background: linear-gradient(90deg, var(--card) 30%, transparent) 0 0 / 2.5rem 100% local no-repeat, linear-gradient(-90deg, var(--card) 30%, transparent) 100% 0 / 2.5rem 100% local no-repeat, linear-gradient(90deg, var(--soft), transparent) 0 0 / .5rem 100% scroll no-repeat, linear-gradient(-90deg, var(--soft), transparent) 100% 0 / .5rem 100% scroll no-repeat, var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .5rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: .84rem; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.matrix tr.differs > * { background: var(--flaky-tint); }
.matrix td a { text-decoration: none; }
.matrix td a:hover .chip { border-color: currentColor; }
.tools { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin-bottom: .75rem; }
.group { display: flex; flex-wrap: wrap; gap: .35rem; }
.tools[hidden] { display: none; }
.tools input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft); border-radius: .4rem; padding: .4rem .7rem; flex: 1 1 14rem; min-width: 0; }
button { font: inherit; font-size: .86rem; cursor: pointer; color: var(--ink); background: var(--card); border: 1px solid var(--soft); border-radius: .4rem; padding: .35rem .75rem; }
button[aria-pressed="true"] { background: var(--ink); color: var(--card); border-color: var(--ink); }
.jobs { display: grid; gap: .6rem; }
.jobs [hidden], .matrix [hidden] { display: none; }
.job { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; min-width: 0; }
.job > summary { cursor: pointer; list-style: none; display: grid; grid-template-columns: 6.2rem minmax(0, 1fr) auto; gap: .25rem 1rem; align-items: center; padding: .7rem 1rem; border-radius: .6rem; }
.job > summary::-webkit-details-marker { display: none; }
.job > summary:hover { background: var(--skipped-tint); }
.job > summary h3 { font-size: 1rem; overflow-wrap: anywhere; }
.job > summary .why { grid-column: 2 / -1; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
.job[open] > summary { border-bottom: 1px solid var(--line); border-radius: .6rem .6rem 0 0; }
.time { font-variant-numeric: tabular-nums; color: var(--soft); font-size: .88rem; white-space: nowrap; }
.body { padding: .25rem 1rem 1rem; }
.type { font-size: .88rem; color: var(--soft); }
.steps .time { text-align: right; }
.body > p { margin: .6rem 0 0; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--code); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem; }
.problem { border-left: .3rem solid var(--failed); } .problem.broken { border-left-color: var(--broken); } .problem.flaky { border-left-color: var(--flaky); }
.steps { list-style: none; margin: 0; padding: 0; }
.steps li { display: grid; grid-template-columns: minmax(0, 5fr) 6rem minmax(6rem, 5fr); gap: .1rem .8rem; align-items: center; padding: .22rem 0; font-size: .92rem; }
.steps .name { overflow-wrap: anywhere; }
.steps .glyph { display: inline-block; width: 1.3em; font-weight: 700; }
.steps svg { display: block; width: 100%; height: .8rem; background: var(--skipped-tint); border-radius: .2rem; }
.glyph.passed { color: var(--passed); } .glyph.flaky { color: var(--flaky); } .glyph.failed { color: var(--failed); } .glyph.broken { color: var(--broken); } .glyph.skipped, .glyph.notRun { color: var(--skipped); }
rect.passed { fill: var(--passed); } rect.failed { fill: var(--failed); } rect.broken { fill: var(--broken); } rect.skipped, rect.notRun { fill: var(--skipped); }
rect.s0 { fill: var(--stage0); } rect.s1 { fill: var(--stage1); } rect.s2 { fill: var(--stage2); } rect.s3 { fill: var(--stage3); } rect.s4 { fill: var(--stage4); }
.key { white-space: nowrap; } .key svg { display: inline-block; width: .7rem; height: .7rem; background: none; margin-right: .15rem; }
.steps .stages { font-size: .82rem; color: var(--soft); }
.console { position: relative; max-height: 26rem; overflow: auto; background: var(--code); border: 1px solid var(--line); border-radius: .4rem; padding: .4rem 0; }
.console ol { list-style: none; margin: 0; padding: 0; min-width: max-content; }
.console li { display: flex; white-space: pre; padding: 0 .9rem 0 0; line-height: 1.45; }
.console li a { color: var(--soft); text-decoration: none; min-width: 4.5rem; text-align: right; padding-right: .9rem; user-select: none; flex: none; }
.console li:target { background: var(--flaky-tint); }
.console li.fatal { background: var(--mark); font-weight: 600; } .console li.fatal a { color: var(--failed); }
.console li.fatal mark { background: none; color: inherit; }
.repeat { display: flex; gap: .6rem; align-items: flex-start; } .repeat pre { flex: 1; min-width: 0; }
.shot { margin: 0; } .shot img { max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: .4rem; display: block; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; margin: 0; font-size: .9rem; } .facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.plain { margin: 0; padding-left: 1.2rem; font-size: .92rem; overflow-wrap: anywhere; }
footer { margin: 2.5rem 0 1rem; font-size: .86rem; color: var(--soft); overflow-wrap: anywhere; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 40rem) {
  .wrap { padding: .6rem; }
  .verdict { padding: 1rem; } .verdict h1 { font-size: 1.5rem; }
  .job > summary { grid-template-columns: minmax(0, 1fr) auto; } .job > summary h3 { grid-column: 1 / -1; grid-row: 2; } .job > summary .why { grid-column: 1 / -1; }
  .steps li { grid-template-columns: minmax(0, 1fr) auto; } .steps svg.bar { grid-column: 1 / -1; }
  .facts { grid-template-columns: minmax(0, 1fr); } .facts dd { margin-bottom: .35rem; } .facts dt { font-size: .82rem; }
  .repeat { flex-direction: column; } .repeat pre { width: 100%; }
}
@media print { .tools, button { display: none; } .console { position: relative; max-height: none; } }
`;
