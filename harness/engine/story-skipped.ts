/** How a story ends that has nothing to judge: the image does not have what it is about. */

export class StorySkipped extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`The story has nothing to judge: ${reason}`);
    this.reason = reason;
  }
}
