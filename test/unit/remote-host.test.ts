/** A host that is asked over SSH: its name, the client's words, and what came of it. Words of OpenSSH 9.2 and 10.0, as they print them. */
import { describe, expect, test } from "vitest";
import { CannotTell, UsageError } from "../../harness/base/errors.ts";
import { isRemote, parseRemote, readAnswer, sshWords } from "../../harness/migrate/remote-host.ts";

const host = parseRemote("ssh://core@silver.example:2222");

describe("the name", () => {
  test.each([
    ["ssh://silver", { user: null, host: "silver", port: null }],
    ["ssh://me@10.0.0.7:22/", { user: "me", host: "10.0.0.7", port: 22 }],
    ["ssh://core@[fe80::1%eth0]:22", { user: "core", host: "fe80::1%eth0", port: 22 }],
  ])("%s", (source, parts) => {
    expect(parseRemote(source)).toEqual({ ...parts, name: source });
  });

  test.each([
    "ssh://",
    "ssh://-oProxyCommand=touch",
    "ssh://me:secret@silver",
    "ssh://silver/etc",
    "ssh://silver:0",
    "ssh://silver:65536",
    "ssh://silver;id",
    "ssh://-l@silver",
    "ssh://a b",
  ])("is not a host: %s", (source) => {
    expect(() => parseRemote(source)).toThrow(UsageError);
  });

  test("is told from a file", () => {
    expect(isRemote("ssh://silver")).toBe(true);
    expect(isRemote("./ssh:/status.json")).toBe(false);
  });
});

test("the client may not ask, share a connection or forward, and the host's name cannot be an option", () => {
  const words = sshWords(host);
  for (const option of ["BatchMode=yes", "ControlMaster=no", "ClearAllForwardings=yes"])
    expect(words).toContain(option);
  expect(words.slice(-7, -1)).toEqual(["-p", "2222", "-l", "core", "--", "silver.example"]);
  expect(words.at(-1)).toMatch(/^sh -c '[^']+'$/);
  expect(sshWords(parseRemote("ssh://silver")).join(" ")).not.toMatch(/ -[pl] /);
});

describe("an answer", () => {
  const ended = (exitCode: number, stdout = "", stderr = "") => ({ exitCode, stdout, stderr });
  const why = (exitCode: number, stderr: string): unknown => {
    try {
      return readAnswer(host, ended(exitCode, "", stderr));
    } catch (error) {
      return error;
    }
  };

  test("is the status and the kernel arguments, whatever a login shell says before", () => {
    const stdout = 'Welcome {x}.\n\x1e{"deployments":[]}\n\x1eroot=UUID=1 quiet\n\x1eroot=UUID=1\n';
    expect(readAnswer(host, ended(0, stdout))).toEqual({
      status: '{"deployments":[]}\n',
      kargs: { booted: "root=UUID=1 quiet\n", next: "root=UUID=1\n" },
    });
    const silent = readAnswer(host, ended(0, "\x1e{}\x1e\x1e\n"));
    expect(silent.kargs).toEqual({ booted: null, next: null });
    expect(readAnswer(host, ended(0, "")).status).toBe("");
  });

  test.each([
    [
      "ssh: Could not resolve hostname silver.example: Name or service not known",
      /does not resolve/,
    ],
    ["Host key verification failed.", /does not know it by/],
    ["core@silver.example: Permission denied (publickey).", /does not let this user in/],
    ["ssh: connect to host silver.example port 2222: Connection refused", /nothing listens/],
    ["ssh: connect to host silver.example port 2222: Connection timed out", /does not answer/],
    ["kex_exchange_identification: read: Connection reset by peer", /could not be asked/],
  ])("%s", (stderr, words) => {
    const error = why(255, stderr);
    expect(error).toBeInstanceOf(CannotTell);
    expect(String(error)).toMatch(words);
    expect(String(error)).toContain(stderr.slice(0, 40));
  });

  test("without rpm-ostree there is nothing to plan for; its own failure is not the person's", () => {
    const error = why(127, "sh: line 1: rpm-ostree: command not found");
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toMatch(/'ssh:\/\/…@silver\.example:2222' does not have rpm-ostree/);
    expect(why(1, "error: Loading sysroot: exit status: 1")).toBeInstanceOf(CannotTell);
  });
});
