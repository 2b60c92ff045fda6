/** What a kickstart keeps secret is not quoted. */
import { describe, expect, test } from "vitest";
import { installerFailed } from "../../harness/states/install/installer-failed.ts";
import { maskKickstart } from "../../harness/states/install/mask-kickstart.ts";

describe("secrets of a kickstart", () => {
  test.each([
    ["rootpw --plaintext s3cret", "rootpw --plaintext …"],
    ["rootpw s3cret", "rootpw …"],
    ["user --name=me --password=s3cret --plaintext", "user --name=me --password=… --plaintext"],
    ["autopart --encrypted --passphrase=s3cret", "autopart --encrypted --passphrase=…"],
    ["rhsm --organization=1 --activation-key=s3cret", "rhsm --organization=1 --activation-key=…"],
    ["d-i passwd/root-password password s3cret too", "d-i passwd/root-password password …"],
    ["rootpw --lock", "rootpw --lock"],
    ["zerombr --twice", "zerombr --twice"],
  ])("%s", (line, shown) => {
    expect(maskKickstart(line)).toBe(shown);
  });

  test("are not quoted where an installation fails", () => {
    const failed = [
      "The following problem occurred on line 3 of the kickstart file:",
      "unknown option: user --passwort --password=s3cret",
    ];
    const options = { name: "x.iso", author: "caller", sizeMiB: 1, lookAt: "c" } as const;
    expect(installerFailed({ failed, failedIn: "anaconda" }, options).message).not.toContain(
      "s3cret",
    );
  });
});
