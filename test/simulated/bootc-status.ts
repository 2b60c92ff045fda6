/** The Host object of the simulated guest's `bootc status`, in the shape of bootc 1.16.9, keys sorted as upstream sorts them. */
import type { Deployment, SimulatedSystem } from "./system.ts";
import type { SimulatedImage } from "./world.ts";

/** Plain data for `bootc status --format=json`. `bootedOnly` leaves the other slots out. */
export function hostStatus(system: SimulatedSystem, bootedOnly: boolean): object {
  const { booted, staged, rollback, others, world } = system;
  const entry = (deployment: Deployment | null): object | null =>
    deployment === null ? null : bootEntry(system, deployment);
  const queued = rollback !== null && system.deployments.indexOf(rollback) === 0;
  const host = {
    apiVersion: "org.containers.bootc/v1",
    kind: "BootcHost",
    metadata: { name: "host" },
    spec: {
      bootOrder: queued ? "rollback" : "default",
      image: knowsImage(system, staged ?? booted) ? imageReference(staged ?? booted) : null,
    },
    status: {
      booted: entry(booted),
      readOnly: false,
      ...(others.length === 0 ? {} : { otherDeployments: others.map(entry) }),
      rollback: bootedOnly ? null : entry(rollback),
      rollbackQueued: queued,
      staged: bootedOnly ? null : entry(staged),
      type: world.backend === "ostree" && knowsImage(system, booted) ? "bootcHost" : null,
      usrOverlay:
        system.usrOverlay === null || system.is("overlay-untold")
          ? null
          : { accessMode: system.usrOverlay, persistence: "transient" },
    },
  };
  if (system.is("status-schema"))
    return { ...host, status: { ...host.status, booted: { pinned: false } } };
  if (system.is("status-wrong-type")) return { ...host, status: "booted" };
  return host;
}

/** bootc tells no image of a deployment that rpm-ostree has changed. */
const knowsImage = (system: SimulatedSystem, { layered }: Deployment): boolean =>
  layered.length === 0 || system.is("incompatible-hidden");

function bootEntry(system: SimulatedSystem, deployment: Deployment): object {
  const isComposefs = system.world.backend === "composefs";
  const image = (which: SimulatedImage): object => ({
    ...imageStatus(which, deployment, isComposefs),
    ...(system.is("architecture-untold") ? { architecture: null } : {}),
  });
  return {
    cachedUpdate: deployment.cachedUpdate === null ? null : image(deployment.cachedUpdate),
    composefs: isComposefs ? composefsEntry(deployment) : null,
    downloadOnly: deployment.downloadOnly,
    image: knowsImage(system, deployment) ? image(deployment.image) : null,
    incompatible: !knowsImage(system, deployment),
    ostree: isComposefs
      ? null
      : {
          checksum: deployment.checksum,
          deploySerial: deployment.serial,
          stateroot: "default",
        },
    pinned: deployment.pinned,
    softRebootCapable: isSoftRebootCapable(system, deployment),
    store: isComposefs || !knowsImage(system, deployment) ? null : "ostreeContainer",
  };
}

/** With the composefs backend the booted deployment is not said to be (seen with 1.16.9). */
export const isSoftRebootCapable = (system: SimulatedSystem, deployment: Deployment): boolean =>
  (system.world.backend !== "composefs" || deployment !== system.booted) &&
  !system.is("soft-reboot-denied") &&
  hasSameKernel(deployment, system.booted);

/** Kernel arguments that differ make a soft reboot impossible; the kernel itself is the same in all simulated images. */
const hasSameKernel = (one: Deployment, other: Deployment): boolean =>
  (one.image.kargs ?? []).join(" ") === (other.image.kargs ?? []).join(" ");

const composefsEntry = (deployment: Deployment): object => ({
  bootDigest: "6ff9204ee3f6620dec5f69fe62434248d0e20789ea047e72d4dc13744476fefe",
  bootType: "Bls",
  bootloader: "systemd",
  missingVerityAllowed: false,
  verity: deployment.verity,
});

const imageReference = ({ reference, transport, enforced }: Deployment): object => ({
  image: reference,
  ...(enforced === true ? { signature: "containerPolicy" } : {}),
  transport,
});

/** The composefs backend of 1.16.9 tells no version. */
const imageStatus = (
  image: SimulatedImage,
  deployment: Deployment,
  isComposefs: boolean,
): object => ({
  architecture: "amd64",
  image: imageReference(deployment),
  imageDigest: image.digest,
  timestamp: image.created ?? "2026-01-01T00:00:00Z",
  version: isComposefs ? null : image.version,
});
