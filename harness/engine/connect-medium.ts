/**
 * From a live medium that was switched on to a guest that can be asked, or to one that nothing can be asked of: then only its
 * screen is left. Nobody uses SSH on a live system, so the root channel is the way.
 */
import { deviation } from "../base/deviations.ts";
import { BootFailed, CannotTell } from "../base/errors.ts";
import { connectGuest } from "../guest/connect.ts";
import type { ConnectOptions } from "../guest/connect-options.ts";
import type { HasOpenLine } from "../guest/evidence-line.ts";
import type { Guest } from "../guest/guest.ts";
import { muteGuest } from "../guest/mute-guest.ts";
import { timeProves } from "../machine/console/console.ts";
import { unlessOtherPlatform } from "../states/install/boot-platform.ts";
import type { InstallerBoot } from "../states/install/installer-machine.ts";
import { typeAtLoader } from "../states/install/type-at-loader.ts";
import { speakingWords } from "./medium.ts";

/**
 * Connects as `connectGuest` does, for a medium that is started in this way. What ends in CannotTell once the kernel has spoken
 * gives a guest that nothing can be asked of; all else is thrown as it is.
 */
export const connectMedium =
  (start: InstallerBoot) =>
  async (options: ConnectOptions): Promise<Guest & HasOpenLine> => {
    const { machine, signal, onDeviation } = options;
    const started =
      start === "loader" ? await typeFor(options).catch(blame(options)) : startedDirectly;
    const transport = machine.port == null ? "ssh" : "channel";
    onDeviation?.(deviation("live-medium", started, asked[transport]));
    try {
      return await connectGuest({
        ...options,
        transport,
        // Which way is usual on an installed system says nothing here.
        onDeviation: ({ id, text }) => id !== "channel-stories" && onDeviation?.({ id, text }),
      });
    } catch (error) {
      signal.throwIfAborted();
      const { console } = machine;
      if (start === "direct" && error instanceof BootFailed && !timeProves(console.stage))
        throw notStarted(options, error);
      if (!(error instanceof CannotTell) || !timeProves(console.stage)) throw error;
      onDeviation?.(deviation("screen-only"));
      return muteGuest(options, error);
    }
  };

/** Whose fault it is that the medium's own boot loader was not started. */
const blame =
  ({ machine, image }: ConnectOptions) =>
  (error: unknown): never => {
    const { name, installer } = image;
    if (installer === undefined) throw error;
    throw unlessOtherPlatform(error, { name, installer, firmware: machine.spec.firmware });
  };

/** What goes wrong before the kernel speaks is not the medium's where it was not its own boot loader that started it. */
const notStarted = ({ image: { name } }: ConnectOptions, cause: BootFailed): CannotTell =>
  new CannotTell(`The kernel of the live medium '${name}' could not be started directly.`, {
    cause,
    details: {
      why: cause.headline,
      "to do": "start it by its own boot loader: --installer-boot loader",
    },
    ...(cause.lookAt === undefined ? {} : { lookAt: cause.lookAt }),
  });

const asked = {
  ssh: "it was asked over SSH",
  channel: "it was asked over the root channel",
} as const;

const startedDirectly =
  "its own kernel, initrd and words were started directly, past its boot loader, with a serial console";

/** Starts the medium by its own boot loader, the entry whose kernel would be started directly. */
async function typeFor({ machine, image, timeScale, signal }: ConnectOptions): Promise<string> {
  const { name, installer } = image;
  const words = speakingWords(image.architecture);
  const typing = { name, entry: installer?.entry ?? null, words };
  const { entry, usual } = await typeAtLoader(machine, { ...typing, scale: timeScale, signal });
  const other = entry === usual ? "" : `, which is not its default ('${usual}'),`;
  return `its own boot loader started '${entry}'${other} with words typed behind its own: ${words.join(" ")}`;
}
