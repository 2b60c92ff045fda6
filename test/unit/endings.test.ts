/** What is told of an error that nobody put into words. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tellFault } from "../../harness/cli/terminal/endings.ts";

let said = "";
beforeEach(() => {
  said = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

test("a disk that is full is not a fault of bootgate, wherever it shows, and what to do is said", () => {
  const error = new Error("ENOSPC: no space left on device, write");
  tellFault(Object.assign(error, { code: "ENOSPC" }));
  expect(said).toMatch(
    /^A disk of this host is full\.\n {2}reason +ENOSPC: no space left on device, write\n {2}to do +free space below '.*bootgate' \('images prune'/,
  );
  expect(said).not.toContain(" at ");
});

test("anything else is, and the one who repairs it gets the stack", () => {
  tellFault(new Error("the sky fell"));
  expect(said).toMatch(/^This is a fault of bootgate itself: the sky fell\n[\s\S]*\n +at /);
});

test("the disk that is full is the one of the call that failed", () => {
  const error = Object.assign(new Error("ENOSPC: no space left on device, mkdir"), {
    code: "ENOSPC",
    path: "/srv/runs/one",
  });
  tellFault(error);
  expect(said).toContain("free space on the disk that holds '/srv/runs', or name a folder");
});
