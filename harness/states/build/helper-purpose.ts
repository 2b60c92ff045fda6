/** What a helper machine is for, as messages to a person tell it. */
import { otherBuilder } from "./install-plan.ts";

export interface HelperPurpose {
  /** As in "the machine in which 'x' is installed". */
  readonly is: string;
  /** As in "the machine that installs 'x'". */
  readonly does: string;
  /** What a person can do where no helper comes up. */
  readonly advice: string;
}

export const toInstall: HelperPurpose = {
  is: "installed",
  does: "installs",
  advice: otherBuilder,
};

export const toChange: HelperPurpose = {
  is: "changed",
  does: "changes",
  advice:
    "leave out the stories that need packages in a derived image: nothing else changes an image from inside",
};
