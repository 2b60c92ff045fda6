/**
 * Questions that nobody answers. Something in the guest may still answer (a TPM, a key server, a default), so each has
 * a grace, which begins again while the boot goes on. systemd leads its questions in with a picture of a lock.
 */
import { booting, early, type FatalPattern } from "./console-pattern.ts";

const leadIn = "^[^A-Za-z0-9\\[]{0,12}";

export const promptsFatal: readonly FatalPattern[] = [
  {
    name: "first-boot-prompt",
    // systemd-firstboot(1), systemd-homed-firstboot, and the text mode of initial-setup and Anaconda.
    regex: new RegExp(
      `${leadIn}(?:(?:-- )?Press any key to proceed|Please configure (?:your|the|this) (?:new )?(?:system|installation)|Please (?:enter|choose|select) (?:the )?(?:new |your |system )*(?:locale|keymap|time ?zone|hostname|host name|root|shell|user|language|account)|Please create your user account|Please make (?:a|your) (?:selection|choice) from|Please respond 'yes' or 'no')`,
    ),
    meaning: "the first boot asks questions that nobody answers",
    stages: booting,
    prompt: true,
    graceMs: 60_000,
  },
  {
    name: "console-question",
    // A question ends its line with the answers it takes; a wait for a key says so. Any program may ask.
    regex: new RegExp(
      `^[^\\[].{0,300}[[(](?:[Yy]|[Yy][Ee][Ss])/(?:[Nn]|[Nn][Oo])(?:/[^\\])]{1,20})?[\\])] ?[?:]? ?$|${leadIn}(?:[Pp]lease )?[Pp]ress (?:any key|(?:the )?[<\\[]?(?:[Ee]nter|ENTER|[Rr]eturn|RETURN)[>\\]]?(?: key)?) to (?:activate|continue|proceed|start)`,
    ),
    meaning: "the boot asks a question that nobody answers",
    stages: booting,
    prompt: true,
    graceMs: 60_000,
  },
  {
    name: "passphrase-prompt",
    // systemd-ask-password(1) ends its questions with how to hide what is typed; GRUB and initramfs-tools have others.
    regex: new RegExp(
      `${leadIn}(?:Please (?:enter|unlock) .{0,300}(?:[Pp]assphrase|disk|PIN|recovery key|volume|password for)|Please (?:insert|touch|confirm presence on) security token|Enter passphrase for |Please unlock disk |A password is required to access )|^[^\\[].{0,300}\\(press TAB for no echo\\)`,
    ),
    meaning: "the boot waits for a passphrase that nobody enters",
    howTo: "where an installer encrypted the disk, name its passphrase by --passphrase-file",
    stages: [...early, ...booting],
    prompt: true,
    graceMs: 40_000,
  },
];
