import { describe, expect, test } from "vitest";
import { commands, shownCommand } from "../../harness/guest/commands.ts";
import { guestCredentials } from "../../harness/guest/credentials.ts";
import { excerptEnd, excerptStart } from "../../harness/guest/excerpt.ts";
import {
  mountedComposefsImage,
  namedComposefsImages,
} from "../../harness/guest/tools/composefs-argument.ts";
import { createOstree, parseFindmnt, parseLayerRefs } from "../../harness/guest/tools/ostree.ts";
import { parseJournal, parseStuckUnits, parseUnitList } from "../../harness/guest/tools/systemd.ts";
import { isLoginPrompt } from "../../harness/machine/console/login-prompt.ts";
import { readTranscript } from "../contract/support/transcripts.ts";
import { parseCommandLine } from "../simulated/command-line.ts";

describe("systemd", () => {
  test.each([
    ["", []],
    ["a.service loaded failed failed A unit\n", ["a.service"]],
    [
      "● a.service loaded failed failed A\n× b@1.mount not-found failed failed B\n",
      ["a.service", "b@1.mount"],
    ],
    ["0 loaded units listed.\n", []],
  ])("failed units of %j", (text, units) => {
    expect(parseUnitList(text)).toEqual(units);
  });

  test("a stuck unit is activating and was restarted at least twice", () => {
    const block = (id: string, state: string, restarts: string): string =>
      `Id=${id}\nActiveState=${state}\nSubState=auto-restart\nNRestarts=${restarts}\n`;
    const text = [
      block("stuck.service", "activating", "2"),
      block("first-try.service", "activating", "1"),
      block("recovered.service", "active", "7"),
      block("odd=name.service", "activating", "12"),
    ].join("\n");
    expect(parseStuckUnits(text)).toEqual(["stuck.service", "odd=name.service"]);
    expect(parseStuckUnits("")).toEqual([]);
  });

  test("the journal comes without journalctl's own remarks", () => {
    expect(parseJournal("-- No entries --\n")).toEqual([]);
    expect(parseJournal("-- Boot 12ab --\n[    1.0] a\n[    2.0] b -- c\n")).toEqual([
      "[    1.0] a",
      "[    2.0] b -- c",
    ]);
  });
});

describe("findmnt", () => {
  const source = { command: "findmnt", guest: "v1" };
  const row = (from: string) => ({ source: from, fstype: "overlay", options: "ro,relatime" });

  test("the last of several mounts on one place is seen", () => {
    const text = JSON.stringify({ filesystems: [row("/dev/vda3"), row("composefs")] });
    expect(parseFindmnt(text, source).at(-1)).toEqual({
      source: "composefs",
      fstype: "overlay",
      options: ["ro", "relatime"],
    });
  });

  test.each(["", "{}", '{"filesystems":[]}', '{"filesystems":[{"source":1}]}'])(
    "%j is refused",
    (text) => {
      expect(() => parseFindmnt(text, source)).toThrow("did not print the JSON it should");
    },
  );
});

describe("what real systems printed", () => {
  const source = { command: "findmnt", guest: "v1" };
  /** The mounts of a transcript that asked for several, by their places. */
  const mounts = (name: string): Map<string, string> =>
    new Map(
      [...readTranscript(name).stdout.matchAll(/(\{\n.*?\n\}\n)rc=0 \((\S+)\)/gs)].map(
        ([, text = "", place = ""]) => [place, text],
      ),
    );

  test.each([
    ["14-findmnt", "/", "composefs"],
    ["b03-findmnt", "/", `composefs:d3fa28fb78662d4f`],
    ["14-findmnt", "/boot", "/dev/vda3[/boot]"],
    ["b03-findmnt", "/sysroot", "/dev/vda3"],
  ])("%s: %s is %s", (name, place, start) => {
    const mount = parseFindmnt(mounts(name).get(place) ?? "", source).at(-1);
    expect(mount?.source.startsWith(start)).toBe(true);
    if (place === "/" || place === "/sysroot") expect(mount?.options).toContain("ro");
  });

  test("the kernel arguments of the composefs backend name the image that is mounted at /", () => {
    const { stdout } = readTranscript("b03-findmnt");
    const [{ source: root = "" } = {}] = parseFindmnt(mounts("b03-findmnt").get("/") ?? "", source);
    const [named, ...others] = namedComposefsImages(stdout.slice(stdout.indexOf("initrd=")));
    expect(mountedComposefsImage(root)).toBe(named?.digest);
    expect(others).toEqual([]);
    expect(namedComposefsImages(readTranscript("15-cmdline").stdout)).toEqual([]);
  });

  test.each(["63-finalize-journal", "b22-cmdline-v2"])(
    "the finalising unit's journal: %s",
    (name) => {
      const lines = parseJournal(readTranscript(name).stdout);
      expect(
        lines.filter((line) => /Stopped \S+-finalize-staged\.service/.test(line)),
      ).toHaveLength(1);
    },
  );
});

describe("credentials", () => {
  const decode = (line: string | undefined): string =>
    Buffer.from(line?.split(" ").at(-1) ?? "", "base64").toString();

  test("the key goes into root's home by tmpfiles", () => {
    const { credentials, deviations } = guestCredentials({
      publicKey: "ssh-ed25519 AAAA\n",
      insecureRegistries: [],
    });
    const lines = credentials["tmpfiles.extra"]?.trimEnd().split("\n") ?? [];
    expect(lines.slice(0, 2)).toEqual([
      "d /root/.ssh 0700 root root -",
      "f /root/.ssh/authorized_keys 0600 root root -",
    ]);
    expect(lines).toHaveLength(3);
    // Appended: an image's own keys stay, and a last line without an end is ended.
    expect(lines[2]).toMatch(/^w\+~ \/root\/\.ssh\/authorized_keys - - - - /);
    expect(decode(lines[2])).toBe("\nssh-ed25519 AAAA\n");
    expect(deviations.map(({ id }) => id)).toEqual(["ssh-key", "root-channel"]);
  });

  test("sshd and the root channel are wanted, and only the latter can be left out", () => {
    const options = { publicKey: "ssh-ed25519 AAAA", insecureRegistries: [] };
    const dropIn = "systemd.unit-dropin.multi-user.target";
    const unit = "systemd.extra-unit.bootgate-channel.service";
    const { credentials } = guestCredentials(options);
    expect(credentials[dropIn]).toBe(
      "[Unit]\nWants=bootgate-channel.service ssh.service sshd.service\n",
    );
    expect(credentials[unit]).toContain("/dev/virtio-ports/org.bootgate.channel");
    const without = guestCredentials({ ...options, channel: false });
    expect(without.credentials[dropIn]).toBe("[Unit]\nWants=ssh.service sshd.service\n");
    expect(without.credentials).not.toHaveProperty([unit]);
    expect(without.deviations.map(({ id }) => id)).toEqual(["ssh-key"]);
  });

  test("registries without TLS get a drop-in and a deviation", () => {
    const { credentials, deviations } = guestCredentials({
      publicKey: "ssh-ed25519 AAAA",
      insecureRegistries: ["10.0.2.100:5000"],
    });
    const lines = credentials["tmpfiles.extra"]?.trimEnd().split("\n") ?? [];
    expect(decode(lines.at(-1))).toBe(
      '[[registry]]\nlocation = "10.0.2.100:5000"\ninsecure = true\n',
    );
    expect(deviations.map(({ id }) => id)).toEqual([
      "ssh-key",
      "insecure-registry",
      "root-channel",
    ]);
  });

  test.each(['a"\n[x]', "host:port:1", "a b", ""])("registry %j is refused", (registry) => {
    expect(() => guestCredentials({ publicKey: "k", insecureRegistries: [registry] })).toThrow(
      RangeError,
    );
  });
});

test.each([
  ["reference login: ", true],
  ["host login: [   58.57] input: Power Button", true],
  ["host login: [   58.570123] input: Power Button", true],
  ["systemd-logind: New login: session 1", false],
  ["login: root", false],
])("%j is a login prompt: %j", (line, expected) => {
  expect(isLoginPrompt(line)).toBe(expected);
});

describe("words for messages", () => {
  test("excerpts are short and without control characters", () => {
    expect(excerptStart("\x1b[1mabcdef", 4)).toBe("\uFFFD[1m…");
    expect(excerptEnd("abcdef\0", 3)).toBe("…ef\uFFFD");
    expect(excerptEnd("abc\n", 10)).toBe("abc");
  });

  test("a reference to follow is one argument inside the argument of sh", () => {
    expect(commands.bootcFollow("10.0.2.100:5000/os:stable")).toBe(
      "unshare --mount sh -c 'mount -o remount,rw /sysroot && exec bootc switch --mutate-in-place --transport registry 10.0.2.100:5000/os:stable'",
    );
    const [, , , , script = ""] = parseCommandLine(commands.bootcFollow("a'; reboot")).words;
    expect(parseCommandLine(script.split(" && ")[1] ?? "").words.at(-1)).toBe("a'; reboot");
  });

  test("what is read of a system in another language is asked in English, and shown as it is meant", () => {
    const read = [
      commands.bootcStatus,
      commands.systemState,
      commands.failedUnits,
      commands.serviceRestarts,
      commands.journal({}),
      commands.mount("/"),
      commands.ostreeStatus,
      commands.readFile("/x"),
      commands.sha256("/x"),
    ];
    expect(read.filter((line) => !line.startsWith("env LC_ALL=C "))).toEqual([]);
    expect(shownCommand(commands.bootcStatus)).toBe("bootc status --format=json");
    expect(shownCommand("bootc upgrade")).toBe("bootc upgrade");
  });

  test("values in command lines are one argument each", () => {
    expect(commands.readFile("/etc/a b'c")).toBe("env LC_ALL=C cat -- '/etc/a b'\\''c'");
    expect(commands.bootcSwitch("reg/os:x; reboot")).toBe("bootc switch 'reg/os:x; reboot'");
    expect(commands.journal({ boot: -1, unit: "a.service", lines: 5 })).toBe(
      "env LC_ALL=C journalctl --boot=-1 -o short-monotonic --no-pager -n 5 -u a.service",
    );
  });
});

describe("layers of container images in ostree", () => {
  const hex = (letter: string): string => letter.repeat(64);

  test("are the refs of ostree-ext, as bootc 1.16.9 left them, and nothing else", () => {
    const text = [
      "ostree/1/1/0",
      `ostree/container/blob/sha256_3A_${hex("a")}`,
      `ostree/container/blob/sha256_3A_${hex("b")}\r`,
      "ostree/container/blob/sha256_3A_short",
      "ostree/container/image/docker_3A__2F__2F_10_2E_0_2E_2_2E_100_3A_5000/os_3A_stable",
      "",
    ].join("\n");
    expect(parseLayerRefs(text)).toEqual([`sha256:${hex("a")}`, `sha256:${hex("b")}`]);
  });

  test.each([
    ["in single quotes", (json: string) => `'${json}'\n`],
    ["in double quotes, which it escapes", (json: string) => `"${json.replaceAll('"', '\\"')}"\n`],
    [
      "with line ends, as Docker writes manifests",
      (json: string) => `'${json.replace("{", "{\\n   ")}'\n`,
    ],
    ["bare", (json: string) => json],
  ])("a manifest is read %s", async (_, quoted) => {
    const manifest = JSON.stringify({ layers: [{ digest: `sha256:${hex("c")}` }] });
    const answers: Record<string, string> = {
      [commands.ostreeStatus]: JSON.stringify({
        deployments: [0, 1].map((index) => ({
          checksum: hex("d"),
          stateroot: "x",
          serial: index,
          index,
        })),
      }),
      [commands.ostreeRefs]: "",
      [commands.ostreeManifest(hex("d"))]: quoted(manifest),
    };
    const io = {
      name: "g",
      lookAt: "console.log",
      timeScale: 1,
      exec: async (command: string) => ({
        command,
        stdout: answers[command] ?? "",
        stderr: "",
        exitCode: 0,
        durationMs: 1,
        truncated: false,
      }),
    };
    expect(await createOstree(io).layers()).toEqual({
      stored: [],
      needed: [`sha256:${hex("c")}`],
    });
  });
});
