/** The fixtures of an attempt: owned by the stage, one of a kind at a time, known to the guests that are booted afterwards. */
import { expect, test } from "vitest";
import { OpenFixtures, openFixture } from "../../harness/engine/open-fixtures.ts";
import type { FileServer, OpenFixture, Shelf } from "../../harness/engine/scenario.ts";
import type { JobEvent } from "../../harness/log/events.ts";

const never = new Promise<never>(() => undefined);
const forward = { guestAddress: "10.0.2.100", guestPort: 8080, hostPort: 40_000 };

function fileServer(parts: Partial<OpenFixture<FileServer>> = {}) {
  const ended: string[] = [];
  const fixture: OpenFixture<FileServer> = {
    handle: {
      serve: (path) => `http://10.0.2.100:8080${path}`,
      serveImage: async (path) => path,
      remove: () => undefined,
      askedFor: () => 3,
      [Symbol.asyncDispose]: async () => void ended.push("handle"),
    },
    forwards: [forward],
    died: never,
    [Symbol.asyncDispose]: async () => void ended.push("fixture"),
    ...parts,
  };
  return { fixture, ended };
}

function opened() {
  const events: JobEvent[] = [];
  return { fixtures: new OpenFixtures((event) => events.push(event)), events };
}

test("what the story is handed works, and its disposal ends the whole fixture once", async () => {
  const { fixtures, events } = opened();
  const { fixture, ended } = fileServer({ measures: async () => ({ "served.bytes": 7 }) });
  {
    await using files = await fixtures.own("files", async () => fixture);
    expect(files.serve("/a", "b")).toBe("http://10.0.2.100:8080/a");
    expect(fixtures.forwards()).toEqual([forward]);
    expect(fixtures.anyDied()).toBeDefined();
  }
  await fixtures.closeAll();
  expect(ended).toEqual(["fixture"]);
  expect(events).toEqual([{ type: "measure", name: "served.bytes", value: 7 }]);
  expect([fixtures.forwards(), fixtures.anyDied()]).toEqual([[], undefined]);
});

test("a story that forgets one does not leave it behind", async () => {
  const { fixtures } = opened();
  const { fixture, ended } = fileServer();
  await fixtures.own("files", async () => fixture);
  await fixtures.closeAll();
  expect(ended).toEqual(["fixture"]);
});

test("a measure that cannot be had keeps nobody from ending the fixture", async () => {
  const { fixtures, events } = opened();
  const { fixture, ended } = fileServer({ measures: () => Promise.reject(new Error("gone")) });
  await fixtures.own("files", async () => fixture);
  await fixtures.closeAll();
  expect([ended, events]).toEqual([["fixture"], []]);
});

test("two of a kind at once are the story's fault; one after the other are not", async () => {
  const { fixtures } = opened();
  const first = await fixtures.own("files", async () => fileServer().fixture);
  const second = (): Promise<FileServer> => fixtures.own("files", async () => fileServer().fixture);
  await expect(second()).rejects.toThrow("The story opens the fixture 'files' while it stands.");
  await first[Symbol.asyncDispose]();
  await second();
  expect(fixtures.forwards()).toEqual([forward]);
});

test("one that does not open leaves the way free", async () => {
  const { fixtures } = opened();
  const refused = fixtures.own("files", () => Promise.reject(new Error("no port")));
  await expect(refused).rejects.toThrow("no port");
  await fixtures.own("files", async () => fileServer().fixture);
});

test("the death of any is told to who waits for a guest", async () => {
  const { fixtures } = opened();
  const died = Promise.reject(new Error("it died"));
  died.catch(() => undefined);
  await fixtures.own("files", async () => fileServer({ died }).fixture);
  const shelf: Shelf = {
    publish: async (name) => name,
    publishSmall: async (name) => name,
    publishIndex: async (name) => name,
    remove: async () => undefined,
    signer: () => Promise.reject(new Error("nobody signs")),
    [Symbol.asyncDispose]: async () => undefined,
  };
  await fixtures.own("registry", async () => ({ ...fileServer().fixture, handle: shelf }));
  await expect(fixtures.anyDied()).rejects.toThrow("it died");
});

test("a fixture that the run does not have is named", async () => {
  const place = { images: [], guests: { address: "10.0.2.100", port: 5000 } };
  await expect(openFixture({}, "files", place)).rejects.toThrow(
    "This run does not have the fixture 'files'.",
  );
});
