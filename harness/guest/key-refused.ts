/**
 * Why an sshd that speaks does not take the harness's key, by the guest's own report. The key comes with each boot, and
 * whether root may log in is the image's choice, so a refusal alone proves nothing. Two things are a fault of the image:
 * sshd calls the modes of its home of root unsafe, and a key that lay in a /var that is kept has gone. Pure.
 */
import { sectionOf } from "./report-sections.ts";

export interface KeyRefusal {
  readonly blame: "image" | "unknown";
  /** The end of "The guest came up, but …". */
  readonly because: string;
}

/** File systems that are empty again at each boot (`stat -f` of coreutils), and what may lie on them. */
const forgetful = /^(?:tmpfs|ramfs|overlayfs)$/;
/** OpenSSH's misc.c, safe_path(): a folder above the key that others may write to. */
const unsafeFolder =
  /^Authentication refused: bad ownership or modes for directory (\/[\w./-]{0,200})/m;
/** Made by the harness with modes of its own (`tmpfiles.extra`). */
const ownFolder = /\/\.ssh\/?$/;

/** sshd_config(5) as `sshd -T` prints it: what keeps root with a key out, and the words for it. */
const settings: readonly (readonly [RegExp, string])[] = [
  [/^permitrootlogin (no|forced-commands-only)$/m, "permitrootlogin"],
  [/^pubkeyauthentication (no)$/m, "pubkeyauthentication"],
  [
    /^authorizedkeysfile ((?!(?:.*[ /])?\.ssh\/authorized_keys(?: |$)).{1,120})$/m,
    "authorizedkeysfile",
  ],
];
/** OpenSSH's auth.c: allowed_user(). */
const notAllowed = /^User root from \S{1,100} not allowed because ([\w ,'/.-]{1,120})$/m;

/** Judges the report of `commands.sshTrouble` of a guest that speaks SSH and refuses the key. */
export function judgeKeyRefusal(report: string, answeredBefore: boolean): KeyRefusal {
  const refusals = sectionOf(report, "sshd refusals");
  const folder = unsafeFolder.exec(refusals)?.[1];
  if (folder !== undefined && !ownFolder.test(folder))
    return {
      blame: "image",
      because: `its sshd takes no key of root, since the owner or mode of ${folder} is unsafe`,
    };
  const [count, home = "", type = ""] = sectionOf(report, "key").split("\n");
  if (count === "0") {
    const isKept = /^\/var\//.test(home) && type !== "" && !forgetful.test(type);
    if (answeredBefore && isKept)
      return { blame: "image", because: `the key that let the harness in is gone from ${home}` };
    return {
      blame: "unknown",
      because:
        "the harness's key is not in root's authorized_keys: its systemd did not put it there",
    };
  }
  const chosen = settings
    .map(([shape, name]) => [name, shape.exec(sectionOf(report, "sshd settings"))?.[1]] as const)
    .find(([, value]) => value !== undefined);
  if (chosen !== undefined)
    return { blame: "unknown", because: `its sshd has '${chosen.join(" ")}'` };
  const why = notAllowed.exec(refusals)?.[1];
  if (why !== undefined)
    return { blame: "unknown", because: `its sshd does not let root in: ${why}` };
  return { blame: "unknown", because: "its sshd does not take the harness's key" };
}
