/** Why a user namespace was refused: what util-linux 2.38.1 and the kernel say (recorded on Debian 12), and what to do about it. */
import { expect, test } from "vitest";
import {
  type NamespaceTrial,
  namespaceCommand,
  whyRefused,
} from "../../images/reference/user-namespace.ts";

const mapped = "         0       1001          1\n         1     100000      65535\n";

const trial = (facts: Partial<NamespaceTrial>): NamespaceTrial => ({
  exitCode: 1,
  stdout: "",
  stderr: "",
  user: "builder",
  sysctls: {},
  ...facts,
});

test("a range of 65536 ids that useradd gives holds a whole system", () => {
  expect(whyRefused(trial({ exitCode: 0, stdout: `${mapped}\n${mapped}` }))).toBeNull();
});

test("a range as mmdebstrap maps it, in another order and with its own root, is one too", () => {
  const map = "  1001 101001 64535\n     0 100000 1001\n";
  expect(whyRefused(trial({ exitCode: 0, stdout: `${map}\n${map}` }))).toBeNull();
});

test.each([
  ["users", `0 1001 1\n1 100000 999\n\n${mapped}`],
  ["groups", `${mapped}\n0 1001 1\n1 100000 999\n`],
])("too few %s are counted, and the command to type has the user's name", (_what, stdout) => {
  const refusal = whyRefused(trial({ exitCode: 0, stdout }));
  expect(refusal?.reason).toBe(
    "user 'builder' has 1000 ids in /etc/subuid and /etc/subgid, and a system needs 65535",
  );
  expect(refusal?.toDo).toBe(
    "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 builder",
  );
});

test("ids behind a gap do not count", () => {
  const map = "0 1001 1\n2 100000 65535\n";
  expect(whyRefused(trial({ exitCode: 0, stdout: `${map}\n${map}` }))?.reason).toContain(
    "has 1 ids",
  );
});

test("a trial that says nothing of its ids did not work", () => {
  expect(whyRefused(trial({ exitCode: 0 }))?.reason).toContain("has 0 ids");
});

test.each([
  [
    'unshare: no line matching user "builder" in /etc/subuid: Success',
    "user 'builder' does not have ids in /etc/subuid and /etc/subgid",
  ],
  ["unshare: failed to execute newuidmap: No such file or directory", "newuidmap is not installed"],
  [
    "unshare: unrecognized option '--map-auto'\nTry 'unshare --help' for more information.",
    "unshare is older than util-linux 2.38",
  ],
  [
    "unshare: unshare failed: Operation not permitted",
    "unshare: unshare failed: Operation not permitted",
  ],
  ["", "unshare ended with 1"],
])("%s", (stderr, reason) => {
  expect(whyRefused(trial({ stderr }))?.reason).toBe(reason);
});

test.each([
  ["user.max_user_namespaces", "0", "unshare: unshare failed: No space left on device"],
  ["kernel.unprivileged_userns_clone", "0", "unshare: unshare failed: Operation not permitted"],
  ["kernel.apparmor_restrict_unprivileged_userns", "1", "mount: /dev: permission denied."],
])("%s = %s is named, with the command that changes it", (name, value, stderr) => {
  const refusal = whyRefused(trial({ stderr, sysctls: { [name]: value } }));
  expect(refusal?.reason).toBe(`${name} is ${value}`);
  expect(refusal?.toDo).toMatch(new RegExp(`^sudo sysctl -w ${name}=\\d+$`));
});

test("a setting that allows them is not blamed", () => {
  const stderr = "unshare: unshare failed: Operation not permitted";
  const sysctls = { "kernel.unprivileged_userns_clone": "1", "user.max_user_namespaces": "96365" };
  expect(whyRefused(trial({ stderr, sysctls }))?.reason).toBe(stderr);
});

test("what unshare says is cut where it is long", () => {
  expect(whyRefused(trial({ stderr: "x".repeat(9000) }))?.reason).toHaveLength(300);
});

test("a command in a namespace ends with the harness, and everything in it with the command", () => {
  const [file, args] = namespaceCommand("rm", ["-rf", "--", "x"]);
  expect([file, ...args].join(" ")).toMatch(
    /^setpriv --pdeathsig KILL -- unshare .* --pid --fork --kill-child=KILL -- rm -rf -- x$/,
  );
});
