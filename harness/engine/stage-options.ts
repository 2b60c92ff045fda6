/** What a stage is made of: handed in, so that the engine knows neither fixtures nor how images are made. */
import type { Image, ImageChange } from "../../images/image.ts";
import type { CutsOpener } from "../cuts/cuts.ts";
import type { JobEvent } from "../log/events.ts";
import type { BootPlan } from "./boot.ts";
import type { Hold } from "./evidence.ts";
import type { Job } from "./plan.ts";
import type { FixtureOpener } from "./scenario.ts";

export interface StageOptions {
  readonly job: Job;
  readonly boot: BootPlan;
  readonly log: (event: JobEvent) => void;
  /** Folder of this attempt in the run directory. */
  readonly directory: string;
  readonly runDirectory: string;
  /** Ends what the story does: the run's own signal, or the job's time limit. */
  readonly signal: AbortSignal;
  /** The run's own signal. */
  readonly runSignal: AbortSignal;
  /** Stops the job's time limit until what it returns is called: a person acts. */
  readonly pauseClock: () => () => void;
  readonly openFixture: FixtureOpener;
  readonly changeImage: ImageChanger;
  /** Absent: this run cannot make power cuts. */
  readonly openCuts?: CutsOpener | undefined;
  readonly hold: Hold | null;
}

/** Makes an image of another. What shows how it went, where a machine does it, goes to `directory`. */
export type ImageChanger = (
  image: Image,
  change: ImageChange,
  how: { readonly signal: AbortSignal; readonly directory: string },
) => Promise<Image>;
