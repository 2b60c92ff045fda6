/** The Host object of the simulated guest's `bootc status`, in the shape of bootc 1.16.9, keys sorted as upstream sorts them. */
import type { Deployment, SimulatedSystem } from "./system.ts";
import type { SimulatedImage } from "./world.ts";

/** Plain data for `bootc status --format=json`. `bootedOnly` leaves the other slots out. */
export function hostStatus(system: SimulatedSystem, bootedOnly: boolean): object {
  const { booted, staged, rollback } = system;
  const entry = (deployment: Deployment | null): object | null =>
    deployment === null ? null : bootEntry(system, deployment);
  const queued = rollback !== null && system.deployments.indexOf(rollback) === 0;
  const host = {
    apiVersion: "org.containers.bootc/v1",
    kind: "BootcHost",
    metadata: { name: "host" },
    spec: {
      bootOrder: queued ? "rollback" : "default",
      image: { image: (staged ?? booted).reference, transport: "registry" },
    },
    status: {
      booted: entry(booted),
      readOnly: false,
      rollback: bootedOnly ? null : entry(rollback),
      rollbackQueued: queued,
      staged: bootedOnly ? null : entry(staged),
      type: "bootcHost",
      usrOverlay: null,
    },
  };
  if (system.is("status-schema"))
    return { ...host, status: { ...host.status, booted: { pinned: false } } };
  if (system.is("status-wrong-type")) return { ...host, status: "booted" };
  return host;
}

function bootEntry(system: SimulatedSystem, deployment: Deployment): object {
  const update = deployment === system.booted ? system.cachedUpdate : null;
  return {
    cachedUpdate: update === null ? null : imageStatus(update, deployment.reference),
    composefs: null,
    downloadOnly: deployment.downloadOnly,
    image: imageStatus(deployment.image, deployment.reference),
    incompatible: false,
    ostree: {
      checksum: deployment.checksum,
      deploySerial: deployment.serial,
      stateroot: "default",
    },
    pinned: false,
    softRebootCapable: false,
    store: "ostreeContainer",
  };
}

const imageStatus = (image: SimulatedImage, reference: string): object => ({
  architecture: "amd64",
  image: { image: reference, transport: "registry" },
  imageDigest: image.digest,
  timestamp: "2026-01-01T00:00:00Z",
  version: image.version,
});
