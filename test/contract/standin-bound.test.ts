/** Images that a system is bound to, as the stand-in takes them: what it refuses in bootc's words, pulls, leaves alone and removes. */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Told {
  readonly error: string | null;
  readonly stdout: string;
  readonly calls: readonly string[];
  readonly made: boolean;
}
interface Case {
  readonly image: Readonly<Record<string, string>>;
  readonly has?: readonly string[];
  readonly gone?: readonly string[];
  readonly podman?: boolean;
}

const folder = "usr/lib/bootc/bound-images.d";
const quadlets = "usr/share/containers/systemd";
const linked = (name: string, text: string): Case["image"] => ({
  [`${quadlets}/${name}`]: text,
  [`${folder}/${name}`]: `-> /${quadlets}/${name}`,
});
const app = linked("app.image", "[Image]\nImage=example.com/app:1\n");

async function tell(cases: readonly Case[]): Promise<readonly Told[]> {
  const standin = here("../../images/reference/standin");
  const input = JSON.stringify({ standin, cases });
  const run = await attemptCommand("python3", [here("support/standin_bound.py")], { input });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout) as readonly Told[];
}

/** What is refused in the folder of links, and how (bootc-dev/bootc, `boundimage.rs`). */
const refusals: readonly (readonly [what: string, image: Case["image"], words: string])[] = [
  ["a file", { [`${folder}/app.image`]: "[Image]\nImage=a\n" }, "Not a symlink: app.image"],
  ["another ending", linked("app.txt", "[Image]\nImage=a\n"), "Invalid file extension: app.txt"],
  [
    "no image",
    linked("app.image", "[Image]\n"),
    `Parsing ${folder}/app.image: Missing Image field`,
  ],
  [
    "an image in the wrong section",
    linked("app.container", "[Image]\nImage=a\n"),
    `Parsing ${folder}/app.container: Missing Image field`,
  ],
  [
    "credentials",
    linked("app.image", "[Image]\nImage=a\nAuthFile=/etc/auth.json\n"),
    `Parsing ${folder}/app.image: AuthFile is not supported by bound bootc images`,
  ],
  [
    "a specifier of systemd's",
    linked("app.image", "[Image]\nImage=a:%%%v\n"),
    `Parsing ${folder}/app.image: Invalid image value: Systemd specifiers are not supported by bound bootc images: a:%%%v`,
  ],
  [
    "half a specifier",
    linked("app.image", "[Image]\nImage=a:%\n"),
    `Parsing ${folder}/app.image: Invalid image value: Unterminated %`,
  ],
];

describe("what an image cannot be bound by is refused, and podman is not asked", () => {
  let told: readonly Told[];
  beforeAll(async () => {
    told = await tell(refusals.map(([, image]) => ({ image })));
  });
  test.each(refusals.map(([what, , words], at) => [what, words, at] as const))(
    "%s",
    (_what, words, at) => {
      expect(told[at]).toEqual({
        ...{ error: `Querying bound images: ${words}`, stdout: "" },
        ...{ calls: [], made: false },
      });
    },
  );
  test("a link that leads nowhere", async () => {
    const [gone] = await tell([{ image: { [`${folder}/app.image`]: "-> /nowhere" } }]);
    expect(gone).toMatchObject({ calls: [], made: false });
    expect(gone?.error).toMatch(/^Querying bound images: .*No such file or directory/);
  });
});

test("what is bound is pulled once, in a storage that is made for it", async () => {
  const container = linked("other.container", "[Container]\nImage=example.com/a%%b:2\n");
  const relative = { [`${folder}/app.image`]: `-> ../../../../${quadlets}/app.image` };
  const [first, again, link] = await tell([
    { image: { ...app, ...container } },
    { image: app, has: ["example.com/app:1"] },
    { image: { ...app, ...relative } },
  ]);
  expect(first).toMatchObject({ error: null, stdout: "Bound images stored: 2\n", made: true });
  expect(first?.calls.slice(0, -1)).toEqual([
    "images",
    "image exists example.com/app:1",
    "image pull example.com/app:1",
    "image exists example.com/a%b:2",
    "image pull example.com/a%b:2",
  ]);
  expect(again).toMatchObject({ error: null, stdout: "Bound images stored: 1\n" });
  expect(again?.calls).not.toContain("image pull example.com/app:1");
  expect(link).toMatchObject({ error: null });
  expect(link?.calls).toContain("image pull example.com/app:1");
});

test("what cannot be pulled ends it, in podman's words", async () => {
  const [told] = await tell([{ image: app, gone: ["example.com/app:1"] }]);
  expect(told).toMatchObject({
    error:
      "Pulling bound images: Pulling bound images: Failed to pull image: Subprocess failed: exit status: 1\n" +
      "Error: unable to copy from source docker://example.com/app:1: manifest unknown",
    stdout: "",
  });
});

test("what no deployment is bound to is removed, and nothing else", async () => {
  const has = ["example.com/old:1", "example.com/app:1"];
  const [bound, unbound] = await tell([
    { image: app, has },
    { image: {}, has },
  ]);
  expect(bound?.calls.at(-1)).toBe("image rm id-of-example.com/old:1");
  expect(unbound?.calls.at(-1)).toBe("image rm id-of-example.com/old:1 id-of-example.com/app:1");
});

test("without podman an image that is bound to nothing is staged, and one that is bound is refused", async () => {
  const [unbound, bound] = await tell([
    { image: {}, podman: false },
    { image: app, podman: false },
  ]);
  expect(unbound).toMatchObject({ error: null, made: false });
  expect(bound).toMatchObject({
    error:
      "Pulling bound images: Creating imgstorage: Initializing images: No such file or directory (os error 2)",
    made: false,
  });
});
