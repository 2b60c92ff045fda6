// Every kickstart that we render, before the real `ksvalidator` of pykickstart.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  type KickstartWish,
  kickstartCommands,
  kickstartFileSystems,
  kickstartLayouts,
  renderKickstart,
} from "../../fixtures/kickstart.ts";
import { UsageError } from "../../harness/base/errors.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { cacheRoot, createWorkspace } from "../../harness/base/workspace.ts";
import { checkKickstart } from "../../harness/cli/wiring/check-kickstart.ts";
import { providePykickstart } from "../../images/installer/pykickstart.ts";

const { signal } = new AbortController();
let pykickstart = "";
beforeAll(async () => {
  const onProgress = (): void => undefined;
  pykickstart = await providePykickstart({ cacheDir: cacheRoot(), onProgress, signal });
}, 120_000);

const wish: KickstartWish = {
  layout: "automatic",
  command: "ostreecontainer",
  filesystem: "ext4",
  source: { transport: "oci", name: "/run/install/repo/container" },
  follows: "quay.io/fedora/fedora-bootc:43",
  kernelArguments: ["console=tty0", "console=ttyS0,115200"],
  passphrase: "a passphrase",
  end: "reboot",
};

/** What a program of pykickstart's says of kickstarts, by their names. */
async function judge(texts: Readonly<Record<string, string>>, python: readonly string[]) {
  await using folder = await createWorkspace("kickstart");
  const paths = Object.keys(texts).map((name) => join(folder.path, `${name}.ks`));
  for (const [name, text] of Object.entries(texts))
    await writeFile(join(folder.path, `${name}.ks`), text);
  const env = { PYTHONPATH: pykickstart, PYTHONDONTWRITEBYTECODE: "1" };
  return await attemptCommand("python3", [...python, ...paths], { env });
}

/** All of them by one call: it takes a second to start. */
const validate = (texts: Readonly<Record<string, string>>, version: string) =>
  judge(texts, [join(pykickstart, "bin", "ksvalidator"), "--version", version]);

const all = kickstartLayouts.flatMap((layout) =>
  kickstartCommands.flatMap((command) =>
    kickstartFileSystems.map(
      (filesystem): KickstartWish => ({
        ...wish,
        layout,
        command,
        filesystem,
      }),
    ),
  ),
);

const registry = "10.0.2.100:5000";
const served = {
  source: { transport: "registry", name: `${registry}/os:stable` },
  insecureRegistry: registry,
};

const rendered = (command: KickstartWish["command"]): Record<string, string> => ({
  ...Object.fromEntries(
    all
      .filter((one) => one.command === command)
      .map((one) => [`${one.layout}-${one.filesystem}`, renderKickstart(one)]),
  ),
  served: renderKickstart({ ...wish, command, ...served }),
});

// `bootc` came with F43 (pykickstart, commands/bootc.py), `ostreecontainer` with F38.
test.each([
  ["ostreecontainer", "F38"],
  ["ostreecontainer", "F44"],
  ["bootc", "F43"],
  ["bootc", "F44"],
] as const)(
  "all kickstarts with %s are valid for %s",
  async (command, version) => {
    const { exitCode, stdout, stderr } = await validate(rendered(command), version);
    const [checked, said] = [/^Checking kickstart file .*$/gm, `${stdout}${stderr}`];
    expect(said.match(checked)).toHaveLength(10);
    expect(`${exitCode} ${said.replace(checked, "").trim()}`).toBe("0 ");
  },
  60_000,
);

test("the validator can refuse: an unknown option is told with its line", async () => {
  const bad = renderKickstart(wish).replace("zerombr", "zerombr --twice");
  const line = bad.split("\n").indexOf("zerombr --twice") + 1;
  const { exitCode, stdout, stderr } = await validate({ bad }, "F44");
  expect(exitCode).toBe(1);
  expect(stdout + stderr).toContain(
    `The following problem occurred on line ${line} of the kickstart file:`,
  );
});

test("a bootc line is not known before F43", async () => {
  expect((await validate(rendered("bootc"), "F42")).exitCode).not.toBe(0);
});

/** Values by which a kickstart could say more than it should. */
const hostile = [
  "plain",
  "with spaces",
  'a "quoted" one',
  "it's",
  "back\\slash\\",
  '\\" --grow',
  "# not a comment",
  "%end",
  "$(reboot) `reboot` ${IFS}",
  "ünïcode – ☃",
  "--passphrase=other",
];

const reader = `
import json, sys
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion
def read(path):
    handler = makeVersion("F44")
    KickstartParser(handler, missingIncludeIsFatal=False).readKickstart(path)
    return [handler.autopart.passphrase, handler.bootloader.appendLine,
        handler.ostreecontainer.url, len(handler.scripts), [s.script for s in handler.scripts]]
print(json.dumps([read(path) for path in sys.argv[1:]]))
`;

test("whatever a value holds arrives as that value, and adds nothing", async () => {
  const texts = hostile.map((value, place): [string, string] => [
    String(place),
    renderKickstart({
      ...wish,
      layout: "luks",
      passphrase: value,
      kernelArguments: [value],
      source: { transport: "oci", name: value },
      follows: value,
    }),
  ]);
  const { stdout, stderr } = await judge(Object.fromEntries(texts), ["-W", "ignore", "-c", reader]);
  const read = JSON.parse(stdout || JSON.stringify([stderr]));
  for (const [place, value] of hostile.entries()) {
    const [passphrase, append, url, scripts, [script]] = read[place];
    expect([passphrase, append, url, scripts]).toEqual([value, value, value, 1]);
    const echoed = await attemptCommand("sh", ["-c", `bootc() { printf %s "$5"; }; ${script}`]);
    expect(echoed.stdout).toBe(value);
  }
}, 60_000);

const planner = `
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import storage
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion
def read(path):
    handler = makeVersion("F45")
    KickstartParser(handler).readKickstart(path)
    try:
        return [list(part) for part in storage.plan(handler)]
    except storage.Failed as error:
        return str(error)
print(json.dumps([read(path) for path in sys.argv[2:]]))
`;
const medium = join(packageRoot, "images", "installer", "medium");

/** What the stand-in installer would make of kickstarts. */
async function planned(texts: readonly string[]): Promise<unknown[]> {
  const named = Object.fromEntries(texts.map((text, place) => [String(place), text]));
  const { stdout, stderr } = await judge(named, ["-W", "ignore", "-c", planner, medium]);
  return JSON.parse(stdout || JSON.stringify([stderr])) as unknown[];
}

test("the stand-in installer makes of them what Anaconda would, and refuses what it cannot make", async () => {
  const luks = ["a passphrase", "luks2", "", 0, 0, 0];
  const boot = ["/boot", "ext4", 1024, false, "boot", null, null];
  const good = all.map(({ layout, filesystem }) => [
    boot,
    [
      ...["/", filesystem, layout === "custom" ? 4096 : 3072, true, "root"],
      ...[filesystem === "btrfs" ? "root" : null, layout === "luks" ? luks : null],
    ],
  ]);
  const bad = [
    ["autopart --type=plain --encrypted", /LUKS device vda4 has no encryption key/],
    ["autopart --type=lvm", /schemes plain and btrfs only/],
    ["part /home --size=100", /there is no partition for \//],
    ["part btrfs.01 --size=100", /nothing is said of the btrfs member btrfs\.01/],
    ["part /boot --size=9 --encrypted --passphrase=x\npart / --size=9", /cannot be encrypted/],
  ] as const;
  const refused = bad.map(([text, pattern]) => [`zerombr\n${text}\n`, pattern] as const);
  const plans = await planned([...all.map(renderKickstart), ...refused.map(([text]) => text)]);
  expect(plans).toEqual([...good, ...refused.map(([, words]) => expect.stringMatching(words))]);
}, 60_000);

test("a registry without TLS is told to the installer's own tools, and nothing else is", async () => {
  await using folder = await createWorkspace("kickstart");
  const text = renderKickstart({ ...wish, ...served });
  const [, script = ""] = /^%pre --erroronfail\n([\s\S]*?)^%end$/m.exec(text) ?? [];
  const here = script.replaceAll("/etc/", `${folder.path}/etc/`);
  expect((await attemptCommand("sh", ["-eu", "-c", here])).exitCode).toBe(0);
  const file = join(folder.path, "etc/containers/registries.conf.d/90-bootgate.conf");
  expect(await readFile(file, "utf8")).toBe(
    `[[registry]]\nlocation = "${registry}"\ninsecure = true\n`,
  );
});

test.each(["two\nlines", "a\rreturn", "a\x00nul", "next\u0085line"])(
  "%j is refused: a kickstart is read line by line",
  (value) => {
    for (const one of [
      { ...wish, follows: value },
      { ...wish, command: "bootc", follows: value } as const,
      { ...wish, kernelArguments: [value] },
      { ...wish, layout: "luks", passphrase: value } as const,
    ])
      expect(() => renderKickstart(one)).toThrow(/control characters/);
  },
);

describe("a kickstart of the caller's", () => {
  const say = (line: string): void => expect.fail(line);
  const check = async (text: string): Promise<unknown> => {
    await using folder = await createWorkspace("kickstart");
    const file = join(folder.path, "mine.ks");
    await writeFile(file, text);
    return await checkKickstart(file, say, signal).catch((error: unknown) => error);
  };

  test("is a mistake of the command line where no release reads it, with its line quoted", async () => {
    const error = await check(renderKickstart(wish).replace("zerombr", "zerombr --twice"));
    expect(error).toBeInstanceOf(UsageError);
    const { headline, message } = error as UsageError;
    expect(headline).toMatch(/^The kickstart '.*mine\.ks:8' has an error: .*--twice/);
    expect(message).toMatch(/line +zerombr --twice/);
  }, 60_000);

  test("is let through where an older release reads it", async () => {
    expect(await check("module --name=x\nzerombr\nreboot\n")).toBeUndefined();
    expect((await validate({ old: "module --name=x\nzerombr\n" }, "F45")).exitCode).not.toBe(0);
  }, 60_000);

  test.each([
    ["is only deprecated", "reboot\n%traceback\n%end\n"],
    ["takes in a file that only its installer has", "%include /tmp/made-by-pre.ks\n%ksappend x\n"],
    ["is ended by a script", "%post\nreboot -f\n%end\n"],
    ["is ended by a file that it takes in", "%include /tmp/made-by-pre.ks\n"],
    ["has sections of Anaconda's add-ons", "poweroff\n%addon com_redhat_kdump --enable\n%end\n"],
  ])("is let through where it %s", async (_what, text) => {
    expect(await check(text)).toBeUndefined();
  });

  test.each([
    ["zerombr\n", /mine\.ks' has an error: it does not end the machine \(reboot or poweroff\)/],
    ["# reboot\nhalt\n", /mine\.ks:2' has an error: it does not end the machine/],
  ])("is refused where its installer would wait for a key: %j", async (text, expected) => {
    const error = await check(text);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toMatch(expected);
  });

  test("is refused where a section does not end", async () => {
    expect(String(await check("zerombr\n%post\necho x\n"))).toMatch(
      /mine\.ks:3' has an error: Section %post does not end with %end/,
    );
  });

  test("is left to its installer where pykickstart cannot be had, and that is said", async () => {
    await using folder = await createWorkspace("kickstart");
    const file = join(folder.path, "bad.ks");
    await writeFile(file, "zerombr --twice\n");
    const python = join(folder.path, "python3");
    await writeFile(python, "#!/bin/sh\necho ERROR: no network >&2\nexit 1\n", { mode: 0o755 });
    const told: string[] = [];
    vi.stubEnv("PATH", `${folder.path}:${process.env.PATH}`);
    vi.stubEnv("XDG_CACHE_HOME", folder.path);
    try {
      await checkKickstart(file, (line) => told.push(line), signal);
    } finally {
      vi.unstubAllEnvs();
    }
    expect(told.join("\n")).toMatch(/not checked beforehand, since pykickstart cannot be had/);
  });

  test("is not named: nothing is asked for", async () => {
    expect(await checkKickstart(undefined, say, signal)).toBeUndefined();
  });
});
