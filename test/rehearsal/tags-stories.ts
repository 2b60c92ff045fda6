/** What each story of tags and history has to catch. */
import type { Caught } from "./dnf5-stories.ts";

export const tagsCaught: Readonly<Record<string, readonly Caught[]>> = {
  "tags/retention": [
    ["gone-drops-rollback", "failed", /^once its image is deleted an upgrade fails/],
    ["trouble-drops-staged", "failed", /^once its image is deleted an upgrade fails/],
    ["trouble-swallowed", "failed", /^once its image is deleted an upgrade fails/],
    ["trouble-unsaid", "failed", /^once its image is deleted an upgrade fails/],
    ["rollback-ignored", "failed", /^there too an upgrade fails, and a rollback/],
    ["pull-stuck", "failed", /^an image that is put there again is staged$/],
  ],
  "tags/goes-back": [
    ["digest-forgotten", "failed", /^a switch to the digest of v2 lands there/],
    ["switch-ignored", "failed", /^a switch to the digest of v2 lands there/],
    ["upgrade-noop-stages", "failed", /^from a digest no tag moves the guest$/],
  ],
  "tags/lost-architecture": [
    ["index-first", "failed", /^an index without this architecture is refused/],
    ["architecture-unsaid", "failed", /^an index without this architecture is refused/],
    ["trouble-drops-staged", "failed", /^an index without this architecture is refused/],
    ["pull-stuck", "failed", /^of an index that has it the right image is staged$/],
    ["wrong-digest", "failed", /^it boots$/],
  ],
};

/** What the composefs backend of bootc does not do of itself. */
export const tagsOnOstree: Readonly<Record<string, readonly Caught[]>> = {
  "tags/goes-back": [["older-ignored", "failed", /^a tag that has gone back to v1 is followed$/]],
};
