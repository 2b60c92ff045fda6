/** Reports of the guest that several commands make together, each below a heading of its own. */

/** The text below a heading `== name` of the report, without the space around it. */
export function sectionOf(report: string, name: string): string {
  const start = `== ${name}\n`;
  const at = report.startsWith(start) ? 0 : report.indexOf(`\n${start}`) + 1;
  if (at === 0 && !report.startsWith(start)) return "";
  const body = report.slice(at + start.length);
  const end = body.startsWith("== ") ? 0 : body.indexOf("\n== ");
  return (end < 0 ? body : body.slice(0, end)).trim();
}
