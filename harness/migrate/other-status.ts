/** The statuses of other tools, and of rpm-ostree for people: what is given by mistake in the place of `rpm-ostree status --json`. Pure. */
import { z } from "zod";

export interface OtherStatus {
  readonly why: string;
  readonly toDo: string;
}

const bootcHost = z.object({ apiVersion: z.string().startsWith("org.containers.bootc/") });
/** ostree calls `stateroot` what rpm-ostree calls `osname`. Its other keys are rpm-ostree's too, so that it would read as a host with nothing layered. */
const ostreeStatus = z.object({
  deployments: z
    .array(z.object({ stateroot: z.string(), osname: z.undefined().optional() }))
    .min(1),
});

const wanted = "save what `rpm-ostree status --json` prints";

const others: readonly (OtherStatus & { readonly is: (text: string, data: unknown) => boolean })[] =
  [
    {
      is: (text, data) =>
        bootcHost.safeParse(data).success ||
        /^apiVersion: org\.containers\.bootc\/|^[ ●]*(?:Booted|Staged|Rollback) image: /m.test(
          text,
        ),
      why: "this is bootc's status, which does not tell what is layered",
      toDo: `${wanted} on the same host; one without rpm-ostree has nothing layered, and needs no plan`,
    },
    {
      is: (text) => /^State: \w+$/m.test(text) && /^Deployments:/m.test(text),
      why: "this is what `rpm-ostree status` prints for people",
      toDo: `${wanted}, all of it`,
    },
    {
      is: (text, data) =>
        ostreeStatus.safeParse(data).success || /^[* ] \S+ [0-9a-f]{8,64}\.\d+/m.test(text),
      why: "this is the status of `ostree admin`, which does not tell what is layered",
      toDo: `${wanted} on the same host`,
    },
  ];

/** What a text is known to be; `data` is its JSON, undefined where it is not JSON. Null for what is not known, and for the right one. */
export const otherStatus = (text: string, data: unknown): OtherStatus | null =>
  others.find(({ is }) => is(data === undefined ? text : "", data)) ?? null;
