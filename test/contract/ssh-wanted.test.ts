/** What in an image starts an sshd that `systemctl is-enabled` calls disabled, asked by a real shell in real folders. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sshWanted } from "../../harness/guest/ssh-commands.ts";

const vendor = "usr/lib/systemd/system";

test.each<[string, Record<string, string | null>, string]>([
  ["nothing", {}, ""],
  [
    "a link of the vendor's",
    { [`${vendor}/multi-user.target.wants/sshd.service`]: null },
    "multi-user.target\n",
  ],
  [
    "a drop-in",
    {
      "etc/systemd/system/multi-user.target.d/10-ssh.conf":
        "[Unit]\nWants=a.service sshd.service\n",
    },
    "multi-user.target\n",
  ],
  [
    "a drop-in that spreads its words",
    { "etc/systemd/system/multi-user.target.d/10-ssh.conf": "[Unit]\nWants = sshd.service\n" },
    "multi-user.target\n",
  ],
  [
    "a line that goes on",
    {
      "etc/systemd/system/multi-user.target.d/10.conf":
        "[Unit]\nWants=a.service \\\n  sshd.service\n",
    },
    "multi-user.target\n",
  ],
  [
    "what only comes after it, or tells of it",
    { [`${vendor}/mine.service`]: "[Unit]\n# Not for sshd.service\nAfter=sshd.service\n" },
    "",
  ],
  [
    "a line that goes on behind a comment",
    {
      [`${vendor}/mine.service`]: "[Unit]\nWants=foo.service \\\n# why\n  sshd.service\n",
    },
    "mine.service\n",
  ],
  [
    "a line behind a comment that ends like one that goes on",
    { [`${vendor}/mine.service`]: "[Unit]\n# see \\\nWants=sshd.service\n" },
    "mine.service\n",
  ],
  [
    "a comment in a line that goes on",
    {
      [`${vendor}/mine.service`]:
        "[Unit]\nWants=foo.service \\\n# not sshd.service\n  bar.service\n",
    },
    "",
  ],
  [
    "words that go on after another key",
    {
      [`${vendor}/mine.service`]:
        "[Unit]\nAfter=network.target \\\n  sshd.service\n[Service]\nExecStart=/bin/sh -c \\\n  'systemctl try-restart sshd.service'\n",
    },
    "",
  ],
  [
    "a unit of its own",
    { [`${vendor}/mine.service`]: "[Unit]\nRequires=ssh.socket\n" },
    "mine.service\n",
  ],
  [
    "a unit that nobody starts (Debian's rescue-ssh.target)",
    { [`${vendor}/rescue-ssh.target`]: "[Unit]\nRequires=network-online.target ssh.service\n" },
    "",
  ],
  [
    "sshd's own files",
    {
      [`${vendor}/sshd.service`]: "[Unit]\nWants=sshd-keygen.target\n",
      [`${vendor}/sshd.socket`]: "[Unit]\nWants=sshd.service\n",
      [`${vendor}/sshd.service.d/a.conf`]: "[Unit]\nWants=sshd.socket\n",
    },
    "",
  ],
])("by %s", (_name, files, said) => {
  const root = mkdtempSync(join(tmpdir(), "bootgate-wanted-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    if (text === null) symlinkSync("../sshd.service", join(root, path));
    else writeFileSync(join(root, path), text);
  }
  const systemctl = join(root, "systemctl");
  writeFileSync(
    systemctl,
    '#!/bin/sh\ncase "$*" in *rescue*) printf "inactive\\n\\n" ;; *mine*) printf "inactive\\n77\\n" ;; *) echo active ;; esac\n',
  );
  chmodSync(systemctl, 0o755);
  const folders = ["etc/systemd/system", vendor].map((path) => join(root, path));
  const env = { PATH: `${root}:${process.env.PATH}` };
  expect(execFileSync("/bin/sh", ["-c", sshWanted(folders)], { env, encoding: "utf8" })).toBe(said);
});
