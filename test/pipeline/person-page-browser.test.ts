/** The page that asks a person for what a board needs, on a phone's screen in a real browser: read, answered by finger and by keyboard, and taken back. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createPerson } from "../../harness/machine/board/person/ask-person.ts";
import { ActSkipped, type Person } from "../../harness/machine/board/person/person.ts";
import { openPersonPage, type PersonPage } from "../../harness/machine/board/person/person-page.ts";
import { axe, launchBrowser, listen } from "./browser.ts";

const { signal } = new AbortController();
const act = (what: string, timeoutMs = 60_000) => ({
  ...{ board: "pi", place: "on the shelf", what, timeoutMs },
});

let browser: Browser;
let context: BrowserContext;
let asks: PersonPage;
let person: Person;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  complaints = [];
  asks = await openPersonPage({ host: "127.0.0.1", port: 0 });
  person = createPerson({ ways: [asks] });
  context = await browser.newContext({ viewport: { width: 360, height: 640 }, hasTouch: true });
  page = await context.newPage();
  listen(page, complaints);
  const own = new URL(asks.url).origin;
  page.on("request", (request) => {
    if (!request.url().startsWith(own)) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(asks.url);
});
afterEach(async () => {
  await context.close();
  await asks[Symbol.asyncDispose]();
  expect(complaints).toEqual([]);
});

const heading = () => page.getByRole("heading", { level: 1 });
const waitFor = (text: string) => heading().filter({ hasText: text }).waitFor();
const isAnsweredBy = async (press: () => Promise<void>, work: Promise<void>): Promise<unknown> => {
  await Promise.all([page.waitForURL(asks.url), press()]);
  return await work.catch((error: unknown) => error);
};

test("a page that was opened before shows what is to be done, and a finger on 'Done' ends it", async () => {
  await waitFor("Nothing to do.");
  expect(await axe(page)).toEqual([]);
  const asked = person.ask(act("Move the card of board 'pi' into the board."), signal);
  await waitFor("Move the card of board 'pi' into the board.");
  await page.getByText("Board pi, on the shelf").waitFor();
  expect(await page.title()).toBe("To do: bootgate");
  expect(await axe(page)).toEqual([]);
  expect(await isAnsweredBy(() => page.getByRole("button", { name: "Done" }).tap(), asked)).toBe(
    undefined,
  );
  await waitFor("Nothing to do.");
});

test("a question that stays is not loaded again under a finger", async () => {
  const asked = person.ask(act("Pull the plug."), signal);
  await waitFor("Pull the plug.");
  await page.getByRole("button", { name: "Done" }).focus();
  for (let looked = 0; looked < 2; looked++) await page.waitForResponse(/\/open$/);
  expect(await page.evaluate("document.activeElement.textContent")).toBe("Done");
  expect(await isAnsweredBy(() => page.keyboard.press("Enter"), asked)).toBe(undefined);
});

test("a keyboard alone can skip", async () => {
  const asked = person.ask(act("Pull the plug."), signal);
  asked.catch(() => undefined);
  await waitFor("Pull the plug.");
  const press = async (): Promise<void> => {
    await page.getByRole("button", { name: "Skip" }).focus();
    await page.keyboard.press("Enter");
  };
  expect(await isAnsweredBy(press, asked)).toBeInstanceOf(ActSkipped);
});

test("a question that is over is not answered by the page that still shows it", async () => {
  const given = new AbortController();
  const first = person.ask(act("First."), given.signal);
  first.catch(() => undefined);
  await waitFor("First.");
  given.abort(new Error("the run was ended"));
  const second = person.ask(act("Second."), signal);
  let isSecondOver = false;
  void second.then(() => {
    isSecondOver = true;
  });
  // The page refuses by its status, which a browser tells on its console.
  await page.getByRole("button", { name: "Done" }).tap();
  await page.getByRole("status").filter({ hasText: "That question is over." }).waitFor();
  expect(isSecondOver).toBe(false);
  expect(complaints.splice(0)).toEqual([expect.stringMatching(/409/)]);
  await waitFor("Second.");
  await page.getByRole("button", { name: "Done" }).tap();
  await second;
});

test("what a board is called cannot bring a script, and all fits on a phone's screen", async () => {
  const hostile = `<img src=x onerror="alert(1)">${"very-long-word".repeat(20)}`;
  const asked = person.ask({ ...act(`Plug in ${hostile}`), board: hostile }, signal);
  await waitFor("Plug in <img");
  const [wide, shown] = (await page.evaluate(
    "[document.documentElement.scrollWidth, window.innerWidth]",
  )) as [number, number];
  expect(wide).toBeLessThanOrEqual(shown);
  expect(await isAnsweredBy(() => page.getByRole("button", { name: "Done" }).tap(), asked)).toBe(
    undefined,
  );
});

test("a page whose run has ended says so", async () => {
  await waitFor("Nothing to do.");
  await asks[Symbol.asyncDispose]();
  await page.getByRole("alert").filter({ hasText: "bootgate does not answer." }).waitFor();
  expect(complaints.splice(0).every((text) => /ERR_CONNECTION_REFUSED/.test(text))).toBe(true);
});

test("a browser without scripts is shown the next question all the same", async () => {
  const plain = await browser.newContext({ javaScriptEnabled: false });
  try {
    const other = await plain.newPage();
    await other.goto(asks.url);
    const asked = person.ask(act("Pull the plug."), signal);
    await other.getByText("Pull the plug.").waitFor();
    await Promise.all([
      other.waitForURL(asks.url),
      other.getByRole("button", { name: "Done" }).click(),
    ]);
    await asked;
  } finally {
    await plain.close();
  }
});
