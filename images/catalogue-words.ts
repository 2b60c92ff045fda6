/** What an entry of the catalogue can say of its image, as schemas. */
import { z } from "zod";
import { imagePromises } from "./image.ts";

export const architecture = z.enum(["x86_64", "aarch64"]);
const promises = z.array(z.enum(imagePromises)).default([]);

/** What an entry of any kind can say of its image besides where it is. */
export const said = {
  summary: z.string().optional().describe("One sentence for `images list`"),
  promises: promises.describe(
    "What the image promises; a scenario about it runs, and a broken promise is the image's failure",
  ),
  lacks: promises.describe(
    "What is known not to be promised: a scenario about it is skipped. What is in neither list is not known, and its scenarios run",
  ),
  firmware: z
    .array(z.enum(["uefi", "bios", "uefi-secure-boot"]))
    .min(1)
    .optional()
    .describe("What it boots by; jobs on other firmware are skipped. Left out: not known"),
  memoryMiB: z
    .number()
    .int()
    .min(128)
    .max(1024 * 1024)
    .optional()
    .describe("Memory that a guest of it needs, where that is more than the run gives"),
  secureBootKeys: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder with the certificates PK.crt, KEK.crt and db.crt that firmware with Secure Boot is to have for it, in place of those that machines come with",
    ),
  kernelPackages: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder with the RPM packages of another kernel that the image can have, for the story that derives an image with it",
    ),
  login: z.string().min(1).optional().describe("How one logs in, in words"),
  source: z.string().min(1).optional().describe("Where what the entry says is from"),
  unverified: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe("What of the entry nobody has checked against the real thing"),
};
