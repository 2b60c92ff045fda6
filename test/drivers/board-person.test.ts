/** A person as a part of a board: on a terminal, and over a real page; who answers first counts, and nobody is waited for for ever. */
import { request } from "node:http";
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MachineFault, messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { createPerson, offTheClock } from "../../harness/machine/board/person/ask-person.ts";
import type { Act } from "../../harness/machine/board/person/person.ts";
import { openPersonPage, type PersonPage } from "../../harness/machine/board/person/person-page.ts";
import { terminalWay } from "../../harness/machine/board/person/terminal-way.ts";

const { signal } = new AbortController();
const act = (more: Partial<Act> = {}): Act => ({
  board: "pi",
  place: "on the shelf",
  what: "Move the card of board 'pi' into the board.",
  timeoutMs: 60_000,
  ...more,
});

function terminal(readMs = 0) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let shown = "";
  output.on("data", (bytes: Buffer) => {
    shown += bytes.toString();
  });
  return {
    way: terminalWay({ input, output, readMs }),
    type: (text: string) => input.write(text),
    shown: () => shown,
  };
}

async function told(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new Error("nothing was wrong"),
    (thrown: unknown) => thrown,
  );
  expect(outcomeOf(error).kind).toBe("broken");
  return messageOf(error);
}

describe("on a terminal", () => {
  test("is asked with a bell, in whole words, and Enter ends it; other words are asked about", async () => {
    const { way, type, shown } = terminal();
    const person = createPerson({ ways: [way] });
    const asked = person.ask(act(), signal);
    await vi.waitFor(() => expect(shown()).toContain("Press Enter"));
    expect(shown()).toMatch(
      /^\u0007\n>>> Move the card of board 'pi' into the board\. \(on the shelf\)\n/,
    );
    type("what?\n");
    await vi.waitFor(() => expect(shown()).toContain("'what?' is not an answer"));
    type("\n");
    await asked;
  });

  test("does not answer the next question by pressing Enter twice for the one before", async () => {
    const { way, type, shown } = terminal(300);
    const person = createPerson({ ways: [way] });
    const first = person.ask(act({ what: "First." }), signal);
    let isDone = false;
    const second = person.ask(act({ what: "Second." }), signal).then(() => {
      isDone = true;
    });
    type("\n");
    await vi.waitFor(() => expect(shown()).toContain("That came too soon"));
    await vi.waitFor(() => {
      if (!shown().includes("Second.")) type("\n");
      expect(shown()).toContain("Second.");
    });
    await first;
    type("\n");
    await vi.waitFor(() => expect(shown().split("Second.")[1]).toContain("That came too soon"));
    expect(isDone).toBe(false);
    await vi.waitFor(() => {
      type("\n");
      expect(isDone).toBe(true);
    });
    await second;
  });

  test("may skip, which is the fault of nobody's image", async () => {
    const { way, type, shown } = terminal();
    const asked = createPerson({ ways: [way] }).ask(act(), signal);
    await vi.waitFor(() => expect(shown()).toContain("Press Enter"));
    type("skip\n");
    expect(await told(asked)).toMatch(/A person skipped what board 'pi' needs: "Move the card/);
  });

  test("who never answers is given up in time; the next act is asked for after that", async () => {
    const { way, type, shown } = terminal();
    const person = createPerson({ ways: [way] });
    const first = person.ask(act({ timeoutMs: 50, what: "First." }), signal);
    const second = person.ask(act({ what: "Second." }), signal);
    expect(await told(first)).toMatch(
      /Nobody did within 50 ms what board 'pi' needs: "First\.".*personMinutes/s,
    );
    await vi.waitFor(() => expect(shown()).toContain("Second."));
    expect(shown().indexOf("No longer needed")).toBeLessThan(shown().indexOf("Second."));
    type("\n");
    await second;
  });

  test("stops a clock while they are asked or wait for their turn, and their own limit still holds", async () => {
    const { way, type, shown } = terminal();
    const person = createPerson({ ways: [way] });
    let [stopped, all] = [0, 0];
    const off = offTheClock(person, () => {
      stopped++;
      all++;
      return () => void stopped--;
    });
    const first = off.ask(act({ timeoutMs: 50, what: "First." }), signal);
    const second = off.ask(act({ what: "Second." }), signal);
    expect(stopped).toBe(2);
    expect(await told(first)).toContain("Nobody did within 50 ms");
    await vi.waitFor(() => expect(shown()).toContain("Second."));
    expect(stopped).toBe(1);
    type("\n");
    await second;
    expect([stopped, all]).toEqual([0, 2]);
  });

  test("is not waited for by who gives up in the turn of another board", async () => {
    const { way, type, shown } = terminal();
    const person = createPerson({ ways: [way] });
    const stop = new AbortController();
    const first = person.ask(act({ what: "First." }), signal);
    const second = person.ask(act({ board: "other", what: "Second." }), stop.signal);
    await vi.waitFor(() => expect(shown()).toContain("First."));
    stop.abort(new MachineFault("The job ends."));
    await expect(second).rejects.toThrow("The job ends.");
    type("\n");
    await first;
    expect(shown()).not.toContain("Second.");
  });

  test("is not waited for by a run that ends", async () => {
    const stop = new AbortController();
    const asked = createPerson({ ways: [terminal().way] }).ask(act(), stop.signal);
    stop.abort(new MachineFault("Ctrl-C"));
    await expect(asked).rejects.toThrow("Ctrl-C");
  });
});

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

const send = (url: string, method = "GET", body = ""): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, agent: false, headers: { "content-type": "application/x-www-form-urlencoded" } },
      (response) => {
        let text = "";
        response.on("data", (bytes: Buffer) => {
          text += bytes.toString();
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });

describe("over a page", () => {
  let page: PersonPage | undefined;
  afterEach(async () => {
    await page?.[Symbol.asyncDispose]();
  });
  const idOf = (body: string): string => /name="act" value="([0-9a-f]+)"/.exec(body)?.[1] ?? "";

  test("is shown what to do, and answers by a button; the terminal's question is taken back", async () => {
    page = await openPersonPage({ host: "127.0.0.1", port: 0 });
    const { way, shown } = terminal();
    const person = createPerson({ ways: [way, page] });
    expect((await send(page.url)).body).toContain("Nothing to do.");
    const asked = person.ask(act(), signal);
    let body = "";
    await vi.waitFor(async () => {
      ({ body } = await send(page?.url ?? ""));
      expect(body).toContain("Move the card of board &#39;pi&#39; into the board.");
    });
    const answered = await send(`${page.url}answer`, "POST", `act=${idOf(body)}&answer=done`);
    expect(answered.status).toBe(303);
    await asked;
    expect(shown()).toContain("No longer needed");
    const again = await send(`${page.url}answer`, "POST", `act=${idOf(body)}&answer=skip`);
    expect(again.status).toBe(409);
    expect(again.body).toContain("That question is over.");
  });

  test("tells nothing without the word in its address, and lets nothing of a board's words act", async () => {
    page = await openPersonPage({ host: "127.0.0.1", port: 0 });
    const asked = createPerson({ ways: [page] }).ask(
      act({ what: `<script>alert(1)</script>"'`, place: "<b>" }),
      signal,
    );
    const { origin } = new URL(page.url);
    let good: Reply | undefined;
    await vi.waitFor(async () => {
      good = await send(page?.url ?? "");
      expect(good.body).toContain("&lt;script&gt;");
    });
    expect(good?.body).not.toMatch(/<script>alert|<b>/);
    expect(good?.body.match(/<script/g)).toHaveLength(1);
    expect(good?.headers).toMatchObject({
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    });
    expect(good?.headers["content-security-policy"]).toContain("default-src 'none'");
    const act_ = `act=${idOf(good?.body ?? "")}`;
    for (const [path, method, body, status] of [
      ["/", "GET", "", 404],
      ["/0123456789abcdef0123456789abcdef/", "GET", "", 404],
      ["/0123456789abcdef0123456789abcdef/answer", "POST", `${act_}&answer=done`, 404],
      [`${new URL(page.url).pathname}answer`, "GET", "", 404],
      [`${new URL(page.url).pathname}answer`, "POST", "act=0&answer=done", 409],
      [`${new URL(page.url).pathname}answer`, "POST", `${act_}&answer=maybe`, 409],
      [
        `${new URL(page.url).pathname}answer`,
        "POST",
        `${act_}&answer=done&x=${"x".repeat(5000)}`,
        413,
      ],
      [`${new URL(page.url).pathname}../x`, "GET", "", 404],
    ] as const) {
      const reply = await send(`${origin}${path}`, method, body);
      expect([path.slice(0, 4), method, reply.status]).toEqual([path.slice(0, 4), method, status]);
      if (status === 404) expect(reply.body).toBe("Not found.");
    }
    await send(`${page.url}answer`, "POST", `${act_}&answer=skip`);
    expect(await told(asked)).toContain("A person skipped");
  });

  test("whose port is taken is told", async () => {
    page = await openPersonPage({ host: "127.0.0.1", port: 0 });
    const port = Number(new URL(page.url).port);
    expect(await told(openPersonPage({ host: "127.0.0.1", port }))).toMatch(
      /cannot be opened at 127\.0\.0\.1:\d+: .*EADDRINUSE/,
    );
  });
});
