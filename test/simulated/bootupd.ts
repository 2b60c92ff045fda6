/** bootupd of the simulated guest: the EFI system partitions that it looks after, one that it does not, and what it remembers of them. */
import { firstDevice, lsblk, namesOn, otherDevice, secondDevice } from "./efi-devices.ts";
import { carried, carriedPath, type Files, hashes, named, payloadOf } from "./efi-payload.ts";
import { type Answer, bad, ok } from "./exit.ts";
import type { BootedSystem } from "./grub-config.ts";

const statePath = "/boot/bootupd-state.json";
const time = "2026-01-01T00:00:00";

/** `key` is what bootupd of that release calls a version. */
const metaOf = (version: string, key: "rpm_evr" | "evr" = "rpm_evr") => ({
  timestamp: `${time}Z`,
  version: named(version),
  versions: [
    { name: "grub2", [key]: version },
    { name: "shim", [key]: "1" },
  ],
});

export class SimulatedBootupd {
  readonly #system: BootedSystem;
  /** Version of the payload that it installed. */
  #installed: string;
  /** By device. */
  readonly #partitions = new Map<string, Files>();
  /** Whether it has its state file. */
  #isManaged: boolean;
  /** Its state file as somebody else wrote it; null: as this one writes it. */
  #givenState: string | null = null;
  /** An update was cut off. */
  #wasCutOff = false;
  /** A copy of the EFI system partition that a story made. */
  #copy: Files = new Map();

  constructor(system: BootedSystem, version: string) {
    this.#system = system;
    this.#installed = version;
    this.#isManaged = system.world.loader.isSystemdBoot !== true;
    for (const device of this.#own) this.#partitions.set(device, payloadOf(version));
  }

  get #own(): readonly string[] {
    return this.#system.world.rootIsMirrored ? [firstDevice, secondDevice] : [firstDevice];
  }

  get #version(): string {
    return this.#system.booted.image.version;
  }

  /** `metaOf`, as the bootupd of this image tells it. */
  #metaBy(teller: string): typeof metaOf {
    const isRenamed = this.#system.world.loader.renamesVersions === true && teller !== "v1";
    return (version) => metaOf(version, isRenamed ? "evr" : "rpm_evr");
  }

  /** Unified kernel images, of what is staged as well. */
  get #kernels(): Files {
    const { staged, deployments, world } = this.#system;
    if (world.loader.hasUnifiedKernels !== true) return new Map();
    const all = staged === null ? deployments : [staged, ...deployments];
    return new Map(
      all.map(({ verity }) => [`Linux/bootc/bootc_composefs-${verity}.efi`, verity] as const),
    );
  }

  get #isUnread(): boolean {
    return this.#givenState !== null && this.#system.is("state-unread");
  }

  /** What bootloader-update.service does at each boot. */
  start(): void {
    const stops = ["update-unit-kept", "update-unit-lost", "esp-stale"] as const;
    if (stops.some((name) => this.#system.is(name))) return;
    if (this.#wasCutOff && this.#system.is("update-gives-up")) return;
    this.#update();
  }

  /** `systemctl show` of that unit. */
  unit(): string {
    const isLost = this.#system.is("update-unit-lost");
    const started = isLost || this.#system.is("update-unit-kept") ? 0 : 12_000_000;
    const calls = this.#system.world.lacksMigration
      ? ["update"]
      : ["update", "migrate-static-grub-config"];
    const commands = calls.map(
      (verb) =>
        `ExecStart={ path=/usr/bin/bootupctl ; argv[]=/usr/bin/bootupctl ${verb} ; ignore_errors=no ; pid=0 }
`,
    );
    return `${commands.join("")}ExecMainStartTimestampMonotonic=${started}
UnitFileState=${isLost ? "disabled" : "enabled"}
`;
  }

  /** bootupd compares versions. It does not downgrade. */
  #update(): void {
    if (this.#version > this.#installed && !this.#isUnread) this.#put();
  }

  #put(): void {
    const now = payloadOf(this.#version);
    const dropped = [...payloadOf(this.#installed).keys()].filter((path) => !now.has(path));
    this.#installed = this.#version;
    if (!this.#system.is("state-stays-old")) this.#givenState = null;
    const devices = this.#system.is("other-disk-written") ? this.#partitions.keys() : this.#own;
    for (const device of devices) {
      if (device === secondDevice && this.#system.is("second-esp-stale")) continue;
      const files = this.#partitions.get(device) ?? new Map<string, string>();
      for (const [path, content] of now) files.set(path, content);
      if (!this.#system.is("dropped-file-kept")) for (const path of dropped) files.delete(path);
      if (this.#system.is("half-update-kept")) continue;
      for (const path of files.keys()) if (path.startsWith(".btmp.")) files.delete(path);
    }
  }

  read(path: string): string | null {
    return path === statePath && this.#isManaged ? (this.#givenState ?? this.#state()) : null;
  }

  #state(): string {
    const children = Object.fromEntries(
      [...payloadOf(this.#installed).keys()].map((path) => [
        carriedPath(this.#installed, path),
        { size: 1, sha512: `sha512:${"0".repeat(128)}` },
      ]),
    );
    // What is installed is what the last one to write it has brought.
    const meta = this.#metaBy(this.#installed)(this.#installed);
    const EFI = { meta, filetree: { children }, "adopted-from": null };
    const configs = { timestamp: `${time}Z`, version: "0.3.2", versions: null };
    return JSON.stringify({ installed: { EFI }, pending: null, "static-configs": configs });
  }

  bootupctl(args: readonly string[]): Answer {
    if (this.#isUnread && args[0] !== "adopt-and-update")
      return bad(1, "error: Loading saved state: premature end of input at line 1 column 41");
    if (args.join(" ") === "status --json") return this.#statusJson();
    if (args[0] === "status") return ok(this.#statusText());
    if (args[0] === "validate") return this.#validate();
    if (args[0] === "adopt-and-update") return this.#adopt();
    if (args[0] !== "update") return bad(2, `error: unrecognized subcommand '${args[0] ?? ""}'`);
    this.#update();
    return ok("No update available for any component.\n");
  }

  get #updatable(): "upgradable" | "would-downgrade" | "at-latest-version" {
    if (this.#version > this.#installed) return "upgradable";
    return this.#version < this.#installed ? "would-downgrade" : "at-latest-version";
  }

  #statusText(): string {
    if (this.#system.is("bootupd-empty")) return "No components installed.\n";
    const update = {
      upgradable: `Available: ${named(this.#version)}`,
      "would-downgrade": "Ignoring downgrade",
      "at-latest-version": "At latest version",
    }[this.#updatable];
    const told = this.#system.is("status-text-differs") ? "v0" : this.#installed;
    return `Component EFI\n  Installed: ${named(told)}\n  Update: ${update}\nNo components are adoptable.\nBoot method: EFI\n`;
  }

  #statusJson(): Answer {
    const metaOf = this.#metaBy(this.#version);
    const EFI = {
      installed: metaOf(this.#installed),
      interrupted: this.#system.is("update-interrupted") ? metaOf(this.#version) : null,
      update: metaOf(this.#version),
      updatable: this.#updatable,
      "adopted-from": null,
    };
    const components = this.#system.is("bootupd-empty") || !this.#isManaged ? {} : { EFI };
    const seen = { version: metaOf("unknown"), confident: true };
    // Only on systems of ostree, and nothing that is bootctl's (bootupd, `query_adopt_state`, `skip_systemd_bootloaders`).
    const { backend, loader } = this.#system.world;
    const isForeign = backend !== "ostree" || loader.isSystemdBoot === true;
    const adoptable = this.#isManaged || isForeign ? {} : { BIOS: seen, EFI: seen };
    return ok(JSON.stringify({ components, adoptable }));
  }

  #adopt(): Answer {
    if (this.#isManaged || this.#system.is("adopts-nothing"))
      return ok("No components are adoptable.\n");
    if (this.#system.is("adopts-badly"))
      this.#partitions.get(firstDevice)?.delete("other/bootgate.efi");
    this.#put();
    this.#isManaged = true;
    return ok(`Adopted and updated: EFI: ${named(this.#version)}\n`);
  }

  #validate(): Answer {
    if (this.#system.is("validate-blind")) return ok("Validated: EFI\n");
    const faults = this.#own.flatMap((device) =>
      [...payloadOf(this.#installed)].flatMap(([path, content]) => {
        const found = this.#partitions.get(device)?.get(path);
        if (found === undefined) return [`Removed: ${path}`];
        return found === content ? [] : [`Changed: ${path}`];
      }),
    );
    return faults.length === 0
      ? ok("Validated: EFI\n")
      : bad(1, [...faults, "error: Caught validation errors"].join("\n"));
  }

  lsblk(args: readonly string[]): Answer {
    return lsblk(args, (device) => this.#partitions.has(device));
  }

  /** Answers the harness's own scripts; null for any other. */
  script(text: string): Answer | null {
    if (text.startsWith("for d in /boot /sysroot; do s=$(findmnt"))
      return ok(
        text.includes("--output TYPE")
          ? [...(this.#own.length > 1 ? ["raid1"] : []), "part", "disk", ""].join("\n")
          : this.#own.flatMap((one) => namesOn(this.#system.diskBus, one)).join("\n"),
      );
    if (text.startsWith("for d in /usr/lib/efi/"))
      return ok(carried(this.#version, this.#system.is("payload-mixed")));
    if (text.startsWith("for d in /sysroot /boot;")) {
      if (text.includes(`mv ${statePath} `)) this.#isManaged = false;
      const [, from = ""] = /cp (\S+) \/boot\/bootupd-state\.json/.exec(text) ?? [];
      if (from !== "") this.#takeState(this.#system.files.get(from) ?? "");
      return null;
    }
    if (text.startsWith("set -e\ndisk=/dev/vdb\n")) {
      this.#partitions.set(otherDevice, new Map(this.#copy));
      return ok();
    }
    if (!text.startsWith("d=$(mktemp -d /run/bootgate-esp.")) return null;
    const [, device = ""] = /mount -t vfat '?(\/dev\/\w+)/.exec(text) ?? [];
    const done = /cd "\$d\/EFI"(?: 2>\/dev\/null \|\| exit 0; \})? && (.*)$/s.exec(text)?.[1] ?? "";
    const listing = this.#list(device, done);
    return listing ?? this.#inEfi(this.#partitions.get(device) ?? new Map(), done);
  }

  /** A story put another state in its place: that of before an update, or one in another form. */
  #takeState(text: string): void {
    const before = /grub2-([^,]+),/.exec(text)?.[1] ?? this.#installed;
    this.#wasCutOff = before !== this.#installed;
    this.#installed = before;
    this.#givenState = text.includes(`${time}Z`) ? null : text;
  }

  /** What stories do to a boot loader before they look at bootupd. */
  #spoil(efi: Files, line: string): boolean {
    if (/^mkdir -p \S+ && cp -r \. /.test(line)) this.#copy = new Map(efi);
    const [, half, back] =
      /&& head -c 512 '[^']+' > '([^']+)' && cp '[^']*bootgate-efi\/([^']+)' '\2'$/.exec(line) ??
      [];
    if (half !== undefined && back !== undefined) {
      efi.set(half, (efi.get(back) ?? "").slice(0, 3));
      efi.set(back, this.#copy.get(back) ?? "");
    }
    const [, spoiled] = /^echo >> '([^']+)' && mkdir -p other/.exec(line) ?? [];
    if (spoiled !== undefined) {
      efi.set(spoiled, "another build");
      efi.set("other/bootgate.efi", "\n");
    }
    return back !== undefined || spoiled !== undefined || line.includes("cp -r . ");
  }

  #inEfi(efi: Files, line: string): Answer {
    if (this.#spoil(efi, line)) return ok();
    const [, kept, changed] = /^cp '([^']+)' \/run\/kept && echo >> '([^']+)'$/.exec(line) ?? [];
    if (kept !== undefined && changed !== undefined) {
      this.#system.files.set("/run/kept", efi.get(kept) ?? "");
      efi.set(changed, `${efi.get(changed) ?? ""}\n`);
      return ok();
    }
    const [, gone] = /^rm '([^']+)'$/.exec(line) ?? [];
    if (gone !== undefined) return efi.delete(gone) ? ok() : bad(1, "rm: No such file");
    const [, back] = /^cp \/run\/kept '([^']+)' && /.exec(line) ?? [];
    if (back !== undefined) {
      efi.set(back, this.#system.files.get("/run/kept") ?? "");
      efi.set("other/a.efi", "\n");
      return ok();
    }
    return bad(2, "sh: not simulated");
  }

  /** Hashes of the files of a partition, with its kernels where they are not left out; null for what does not ask for them. */
  #list(device: string, line: string): Answer | null {
    const asked = /^find \. (-ipath \.\/Linux -prune -o )?-type f -exec sha256sum/.exec(line);
    if (asked === null) return null;
    const isAll = asked[1] === undefined && this.#own.includes(device);
    const efi = this.#partitions.get(device) ?? new Map<string, string>();
    const files: Files = new Map([...efi, ...(isAll ? this.#kernels : [])]);
    if (this.#system.is("esp-differs")) files.set("fedora/grubx64.efi", "of nobody knows where");
    return ok(hashes(files));
  }
}
