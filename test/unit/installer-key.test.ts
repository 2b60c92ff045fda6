import { expect, test } from "vitest";
import { installerKey } from "../../images/installer/provide.ts";

test("an installer ISO is named by the image that it carries", async () => {
  const [one, other] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`];
  expect(await installerKey(one)).toMatch(/^[0-9a-f]{64}$/);
  expect(await installerKey(one)).toBe(await installerKey(one));
  expect(await installerKey(one)).not.toBe(await installerKey(other));
});
