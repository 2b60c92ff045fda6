import { scenario } from "../../harness/index.ts";
import kickstart from "./kickstart.ts";

/** The story of install/kickstart on a disk that was installed by the command `bootc`, which Anaconda has from 44.3 on. */
export default scenario({
  ...kickstart,
  summary:
    "Installs from the ISO by the kickstart command bootc, then boots from the installed disk alone to a healthy system",
  needs: { ...kickstart.needs, kickstart: "bootc" },
});
