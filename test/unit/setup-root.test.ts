/** What an image of bootc's composefs backend sets for its root. */
import { describe, expect, test } from "vitest";
import { parseRootSetting } from "../../harness/guest/tools/composefs.ts";

const setting = (text: string, ...kernelArguments: readonly string[]) =>
  parseRootSetting("composefs", { path: null, text, kernelArguments });

describe("setup-root-conf.toml", () => {
  test.each([
    ["[etc]\nmount = 'transient'", "isEtcTransient", true],
    ['[etc]\nmount = "volatile"', "isEtcTransient", true],
    ['[etc]\nmount = "bind"\ntransient = true', "isEtcTransient", false],
    ['etc.mount = "transient"', "isEtcTransient", true],
    ["root.transient = true", "isRootTransient", true],
    ["[var]\ntransient = true", "isVarTransient", true],
    ['[var]\nmount = "transient"', "isVarTransient", true],
    ['[var]\nmount = "none"\ntransient = true', "isVarTransient", false],
    ['[root]\ntransient = true\n[etc]\nmount = "root"', "isEtcTransient", true],
    ['[root]\ntransient = true\n[var]\nmount = "none"', "isVarTransient", true],
    ['[root]\ntransient = true\n[etc]\nmount = "root"', "readOnlyFolders", []],
    ['[root]\ntransient = true\n[etc]\nmount = "bind"', "isEtcTransient", false],
    ['[etc]\nmount = "root"', "readOnlyFolders", ["/etc"]],
    ['[var]\nmount = "none"', "readOnlyFolders", ["/var"]],
    ['[etc]\nmount = "none"\n[var]\nmount = "none"', "readOnlyFolders", ["/etc", "/var"]],
  ] as const)("%s: %s is %s", (text, key, expected) => {
    expect(setting(`${text}\n`)[key]).toEqual(expected);
  });

  test.each(['mount = "transient" # of memory', "transient = true", "transient = true # why"])(
    "[etc] %s",
    (line) => {
      expect(setting(`[etc]\n${line}\n`).isEtcTransient).toBe(true);
      expect(setting('[etc]\nmount = "bind"\n').isEtcTransient).toBe(false);
    },
  );

  test("leaves /var volatile where the kernel is told so", () => {
    expect(setting("", "systemd.volatile=state").isVarTransient).toBe(true);
    const shipped = setting('[var]\nmount = "none"\n', "systemd.volatile=state");
    expect(shipped).toMatchObject({ isVarTransient: true, readOnlyFolders: [] });
  });

  test("that is not TOML, or has something else in the place of a key, is the image's failure", () => {
    for (const text of ["[etc\n", "[etc]\ntransient = 1\n"])
      expect(() => setting(text)).toThrow(/bootc does not read/);
  });
});
