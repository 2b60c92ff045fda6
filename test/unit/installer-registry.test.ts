// What a registry answers an installer, and whose fault that is: never that of the image.
import { expect, test } from "vitest";
import { CannotTell, ExpectationFailed, UsageError } from "../../harness/base/errors.ts";
import { anaconda } from "../../harness/states/install/anaconda-words.ts";
import {
  installerFailed,
  type KickstartAuthor,
} from "../../harness/states/install/installer-failed.ts";
import { InstallProgress } from "../../harness/states/install/installer-stages.ts";

const begun = [
  "[    0.000000] Linux version 6.17.1",
  "anaconda 43.44-1.fc43 for Fedora 43 started.",
  "Bootc deployment in progress: registry:10.0.2.100:5000/os:stable",
];
const failing = "bootc installation failed, see the logs below:";
const opening =
  "error: Installing to filesystem: Creating ostree deployment: Pulling: failed to invoke method OpenImage:";

function failure(
  lines: readonly string[],
  author: KickstartAuthor,
  more: Partial<Parameters<typeof installerFailed>[1]> = {},
): Error {
  const progress = new InstallProgress(0, anaconda);
  for (const [index, line] of [...begun, ...lines].entries()) progress.feed(line, index);
  return installerFailed(progress, {
    ...{ name: "x.iso", author, sizeMiB: 1, lookAt: "c" },
    ...more,
  });
}

/** As containers/image says it, and bootc around it. */
test.each<[string, string, RegExp]>([
  [
    "a registry without the tag",
    `${opening} reading manifest gone in 10.0.2.100:5000/os: manifest unknown`,
    /does not have what the kickstart names/,
  ],
  [
    "a registry that asks who it is",
    `${opening} reading manifest stable in r.test/os: unauthorized: authentication required`,
    /no credentials of this host's[\s\S]*--candidate-oci/,
  ],
  [
    "a registry that is ill",
    `${opening} pinging container registry r.test: received unexpected HTTP status: 503 Service Unavailable`,
    /trouble of its own/,
  ],
  [
    "a registry that wants to be asked less",
    `${opening} reading manifest stable in r.test/os: toomanyrequests: slow down`,
    /trouble of its own/,
  ],
  [
    "a connection that is lost in a layer",
    "error: Installing to filesystem: Pulling: Importing: Fetching layer sha256:1234: unexpected EOF",
    /ended too early/,
  ],
  [
    "something else at the registry's address",
    `${opening} pinging container registry r.test: invalid character '<'`,
    /did not answer as one/,
  ],
  [
    "nobody at the registry's address",
    `${opening} error pinging container registry r.test: dial tcp 10.0.2.100:5000: connect: connection refused`,
    /could not be reached/,
  ],
])("%s is nobody's fault, with any author of the kickstart", (_what, line, why) => {
  for (const author of ["harness", "caller", "iso"] as const) {
    const error = failure([failing, line], author);
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toMatch(why);
  }
});

test.each<[KickstartAuthor, abstract new (...args: never) => Error]>([
  ["harness", CannotTell],
  ["caller", UsageError],
  ["iso", ExpectationFailed],
])(
  "a registry without TLS that the kickstart does not tell of is its author's: %s",
  (author, kind) => {
    const line = `${opening} error pinging container registry 10.0.2.100:5000: http: server gave HTTP response to HTTPS client`;
    const error = failure([failing, line], author);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toMatch(/was not told to do without[\s\S]*%pre/);
  },
);

test("a script that fails by its own words is its author's, whatever a registry says in the same words", () => {
  const said = [
    "There was an error running the kickstart script at line 9.",
    "ks-script: line 3: unexpected EOF while looking for matching `\"'",
  ];
  expect(failure(said, "caller")).toBeInstanceOf(UsageError);
});

test("a registry of the harness's is named beside what its answer led to", () => {
  const forward = { guestAddress: "10.0.2.100", guestPort: 5000, hostPort: 1 };
  const told = failure([failing, `${opening} manifest unknown`], "caller", {
    payload: { forward },
  });
  expect(told.message).toMatch(/registry +the harness's own, 10\.0\.2\.100:5000/);
});
