/** A case of the self-test: what is run, and how it has to be judged. */
import type { OutcomeKind } from "../base/outcome.ts";

export interface SelftestCase {
  readonly name: string;
  /** Images of the reference OS by role. */
  readonly images: Readonly<Record<string, string>>;
  readonly scenario: string;
  /** `full`: too slow for each change. Default: `gate`. */
  readonly suite?: "full";
  /** Default: UEFI without Secure Boot; BIOS for what is installed from an ISO. */
  readonly firmware?: "uefi-secure-boot";
  /** How the candidate's installer is run. Default: as it is without any option. */
  readonly install?: {
    /** A file in fixtures/kickstarts/broken, without its ending. */
    readonly kickstart?: string;
    readonly diskSizeMiB?: number;
    /** How long the installer may stand still. */
    readonly stillSeconds?: number;
  };
  readonly expect: {
    readonly outcome: OutcomeKind;
    /** Class of the error. */
    readonly type?: string;
    /** Step that must be the one that fails; absent where the failure is the boot itself. */
    readonly step?: RegExp;
    /** What the message must say. */
    readonly message?: RegExp;
    readonly stage?: string;
  };
}

/** A case's name as it stands in the id of its job. */
export const caseWord = ({ name }: SelftestCase): string => name.replaceAll(/[^a-z0-9]+/gi, "-");

/** What tells jobs apart that have one scenario and one image: how the image is installed. */
export const caseCell = (item: SelftestCase): { image: string; disk: string } | undefined =>
  item.install === undefined
    ? undefined
    : { image: item.images.candidate ?? "", disk: caseWord(item).slice(0, 60) };
