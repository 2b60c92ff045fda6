/** What a guest tells when it is asked why SSH cannot be had (`commands.sshTrouble`). */

export const unit = (
  id: string,
  load: string,
  active: string,
  result: string,
  file: string,
): string =>
  `Id=${id}\nLoadState=${load}\nActiveState=${active}\nSubState=x\nResult=${result}\nUnitFileState=${file}\n`;
export const report = (
  units: readonly string[],
  listens = "",
  addresses = "eth0 UP 10.0.2.15/24 ",
) =>
  `== units\n${units.join("\n")}\n== listens\n${listens}\n== addresses\nlo UNKNOWN 127.0.0.1/8 ::1/128\n${addresses}\n== failed units\n`;
export const none = unit("ssh.service", "not-found", "inactive", "success", "");
export const line = "   0: 00000000:0016 00000000:0000 0A";
