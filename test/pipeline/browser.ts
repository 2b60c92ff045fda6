/** The system's Chromium for tests of pages, and what a checker of accessibility says of one. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** It is to be closed by the caller. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.BOOTGATE_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

/** Puts what the page complains of into the list: errors of the console and of scripts, and dialogs. */
export function listen(page: Page, complaints: string[]): void {
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
}

/** What axe-core finds. It is put in through the debugger, so the page's own policy stays as it is. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(axePath, "utf8"));
  return (await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 200)).join(" | ")))`)) as string[];
}
