/** An sshd that failed by the console's word: when that is final. */
import { expect, test } from "vitest";
import { SshdOnConsole } from "../../harness/guest/sshd-on-console.ts";

const failed = "[FAILED] Failed to start OpenSSH server daemon.";
const journal = "[   12.3] systemd[1]: Failed to start OpenSSH server daemon.";
const started = "[  OK  ] Started OpenSSH server daemon.";
const at = (...rows: string[]) => ({
  bytes: rows.join("").length,
  stage: "userspace" as const,
  said: () => rows,
});

test("one that failed may be started again for as long as Fedora's unit asks for, and has failed after that", () => {
  const sshd = new SshdOnConsole(1);
  expect(sshd.look(at(failed), 1000)).toBe("may-come");
  expect(sshd.look(at(failed, "host login: "), 44_000)).toBe("may-come");
  expect(sshd.look(at(failed, "host login: "), 52_000)).toBe("failed");
});

test("one that failed twice has failed, and one failure told in two forms is one", () => {
  expect(new SshdOnConsole(1).look(at(failed, failed), 0)).toBe("failed");
  expect(new SshdOnConsole(1).look(at(failed, journal), 0)).toBe("may-come");
  expect(new SshdOnConsole(1).look(at(failed, started, failed), 0)).toBe("may-come");
});

test("one that came up after it failed is told once, and may fail again", () => {
  const sshd = new SshdOnConsole(2);
  expect(sshd.look(at(), 0)).toBe("nothing");
  expect(sshd.look(at(failed), 0)).toBe("may-come");
  expect(sshd.look(at(failed, started), 90_000)).toBe("came-up");
  expect(sshd.look(at(failed, started), 91_000)).toBe("nothing");
  expect(sshd.look(at(failed, started, failed), 92_000)).toBe("may-come");
  expect(sshd.look(at(failed, started, failed), 191_000)).toBe("may-come");
  expect(sshd.look(at(failed, started, failed), 192_000)).toBe("failed");
});
