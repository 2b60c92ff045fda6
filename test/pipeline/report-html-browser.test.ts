/**
 * The HTML report in a real browser, as a person uses it: filter, open a failure, jump to the console line, by keyboard
 * too; no console errors, no network, and axe-core finds nothing. The browser is the system's Chromium.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { foldRun } from "../../harness/log/run-model.ts";
import { html } from "../../reports/html.ts";
import { fullRun, greenRun, killedRun } from "../golden/report-events.ts";
import { hostileRun, hostileStrings } from "../golden/report-hostile.ts";
import { sampleDecision, sampleInputs } from "../golden/report-inputs.ts";
import { knownRun } from "../golden/report-known-run.ts";
import { axe, launchBrowser, listen } from "./browser.ts";

const full = html(foldRun(fullRun), {
  ...sampleInputs,
  previous: foldRun(greenRun),
  decision: sampleDecision,
});

let directory = "";
let browser: Browser;
let open: Page[] = [];
let complaints: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bootgate-html-"));
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  complaints = [];
});
afterEach(async () => {
  for (const page of open) await page.context().close();
  open = [];
  expect(complaints).toEqual([]);
});

async function show(document: string, options: BrowserContextOptions = {}): Promise<Page> {
  const path = join(directory, "report.html");
  await writeFile(path, document);
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  open.push(page);
  listen(page, complaints);
  page.on("request", (request) => {
    if (!/^(?:file|data):/u.test(request.url())) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(pathToFileURL(path).href);
  return page;
}

const openAll = (page: Page) =>
  page.evaluate(`for (const item of document.querySelectorAll("details")) item.open = true`);

describe("axe-core finds nothing", () => {
  test.each([
    ["light", full, {}],
    ["dark", full, { colorScheme: "dark" as const }],
    ["on a phone", full, { viewport: { width: 360, height: 740 } }],
    ["known failures", html(foldRun(knownRun)), {}],
    ["known failures, dark", html(foldRun(knownRun)), { colorScheme: "dark" as const }],
    ["green", html(foldRun(greenRun)), {}],
    ["killed", html(foldRun(killedRun)), {}],
    ["hostile", html(foldRun(hostileRun(hostileStrings.script ?? ""))), {}],
  ])("%s", async (_name, document, options) => {
    const page = await show(document, options);
    expect(await axe(page)).toEqual([]);
    await openAll(page);
    expect(await axe(page)).toEqual([]);
  });
});

test.each([320, 360, 768])("nothing sticks out at %i pixels", async (width) => {
  const page = await show(full, { viewport: { width, height: 740 } });
  await openAll(page);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
});

test.each([320, 768])("known failures do not stick out at %i pixels", async (width) => {
  const page = await show(html(foldRun(knownRun)), { viewport: { width, height: 740 } });
  await openAll(page);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
});

test("the filter narrows by words and by outcome, and says how many are left", async () => {
  const page = await show(full);
  const shown = page.locator(".job:visible");
  expect(await shown.count()).toBe(5);
  await page.getByLabel("Filter jobs by words").fill("health qemu");
  expect(await shown.count()).toBe(1);
  expect(await page.getByRole("status").textContent()).toBe("1 of 5 jobs");
  expect(await page.locator(".matrix tbody tr:visible").count()).toBe(1);
  await page.getByLabel("Filter jobs by words").fill("");
  await page.getByRole("button", { name: "flaky" }).click();
  expect(await shown.count()).toBe(1);
  await page.getByRole("button", { name: "passed" }).click();
  expect(await shown.count()).toBe(2);
});

test("a failure leads to its line on the console, by keyboard alone", async () => {
  const page = await show(full);
  const jump = page.getByRole("link", { name: "Jump to the line on the console" });
  await jump.focus();
  await page.keyboard.press("Enter");
  const fatal = page.locator(".console li.fatal");
  await expect.poll(() => fatal.evaluate((line) => line.matches(":target"))).toBe(true);
  expect(await fatal.textContent()).toContain("Kernel panic");
  expect(await page.evaluate("document.activeElement.closest('li.fatal') !== null")).toBe(true);
});

test("the console opens on its fatal line", async () => {
  const page = await show(full);
  const seen = await page.locator(".console li.fatal").evaluate((line) => {
    const box = line.closest(".console")?.getBoundingClientRect();
    const mine = line.getBoundingClientRect();
    return box !== undefined && mine.top >= box.top && mine.bottom <= box.bottom;
  });
  expect(seen).toBe(true);
});

test("a link into a folded, filtered-out job opens it", async () => {
  const page = await show(full);
  await page.getByLabel("Filter jobs by words").fill("composefs");
  const folded = page.locator(".job[data-standing='passed']");
  expect(await folded.isVisible()).toBe(false);
  const id = await folded.getAttribute("id");
  await page.evaluate(`location.hash = ${JSON.stringify(id)}`);
  await expect.poll(() => folded.isVisible()).toBe(true);
  expect(await folded.getAttribute("open")).not.toBeNull();
});

test("the repeat line can be copied", async () => {
  const page = await show(full);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const button = page.locator(".repeat button").first();
  await button.click();
  await expect.poll(() => button.textContent()).toBe("Copied");
  expect(await page.evaluate("navigator.clipboard.readText()")).toMatch(
    /^bootgate run boot\/health/,
  );
});

test.each(["#%E0", "#nowhere", "#%"])(
  "a link that was mangled to %s harms nothing",
  async (hash) => {
    const page = await show(full);
    await page.goto(`${page.url()}${hash}`);
    await page.reload();
    expect(await page.locator(".repeat button").count()).toBeGreaterThan(0);
    await page.evaluate(`location.hash = "#%C3%28"`);
    expect(await page.locator(".job:visible").count()).toBe(5);
  },
);

test("without JavaScript everything is still told", async () => {
  const page = await show(full, { javaScriptEnabled: false });
  expect(await page.locator(".tools:visible").count()).toBe(0);
  expect(await page.locator(".job:visible").count()).toBe(5);
  await page.locator(".job[data-standing='passed'] > summary").click();
  expect(await page.getByText("reboot lands in v2").isVisible()).toBe(true);
});

test("nothing that a guest printed runs", async () => {
  for (const text of Object.values(hostileStrings)) {
    const page = await show(html(foldRun(hostileRun(text.slice(0, 5000)))));
    expect(await page.locator("img, script").count()).toBe(1);
  }
});
