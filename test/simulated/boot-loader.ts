/** The boot loader of the simulated guest: GRUB with its menu, and bootupd with what it looks after. It answers the few scripts by which the harness looks at them. */
import { SimulatedBootupd } from "./bootupd.ts";
import { type Answer, ok } from "./exit.ts";
import { type BootedSystem, SimulatedGrub } from "./grub-config.ts";
import type { ShownMenu } from "./grub-menu.ts";

export class SimulatedBootLoader {
  readonly grub: SimulatedGrub;
  readonly bootupd: SimulatedBootupd;
  readonly #system: BootedSystem;

  constructor(system: BootedSystem, version: string) {
    this.#system = system;
    this.grub = new SimulatedGrub(system);
    this.bootupd = new SimulatedBootupd(system, version);
  }

  /** What the booted system's own services do to it. */
  start(): void {
    this.grub.start();
    this.bootupd.start();
    const { isBootupdOld, lacksMigration } = this.#system.world;
    if (!this.#system.is("update-unit-kept") && !lacksMigration && !isBootupdOld)
      this.grub.migrate();
  }

  /** What its menu shows, and how. */
  get menu(): ShownMenu {
    return { titles: this.grub.menu, form: this.#system.world.menuForm };
  }

  /** Files below /boot. */
  read(path: string): string | null {
    return this.grub.read(path) ?? this.bootupd.read(path);
  }

  bootupctl(args: readonly string[]): Answer {
    if (args[0] !== "migrate-static-grub-config" || this.#system.world.isBootupdOld)
      return this.bootupd.bootupctl(args);
    return args[1] === "--help"
      ? ok("Usage: bootupctl migrate-static-grub-config\n")
      : this.grub.migrate();
  }

  /**
   * Why ostree cannot finalise, in its words: neither its repository nor bootupd's state says that the menu is static, and its own tool does not work on
   * composefs (ostree, `ostree-bootloader-grub2.c`; ostreedev/ostree#3198). Null where it can.
   */
  whyNotFinalised(): string | null {
    if (this.#system.world.loader.isUntold !== true) return null;
    const state = JSON.parse(this.bootupd.read("/boot/bootupd-state.json") ?? "{}");
    return this.grub.ostreeBootloader().exitCode === 0 || (state["static-configs"] ?? null) !== null
      ? null
      : "error: Bootloader write config: grub2-mkconfig: Child process exited with code 1";
  }

  /** Answers the harness's own scripts; null for any other. */
  script(text: string): Answer | null {
    if (text.includes(" usr/lib/bootc/kargs.d "))
      return ok(`${"a".repeat(64)}  usr/lib/modules/7.2.0-sim/vmlinuz\n`);
    if (text.includes("systemctl enable bootgate-kept-environment.service")) {
      this.grub.keepEnvironment();
      return ok();
    }
    const answer = this.bootupd.script(text);
    if (answer !== null || !text.startsWith("for d in /sysroot /boot;")) return answer;
    const [, edited] = /grub2-editenv (.+)$/.exec(text) ?? [];
    if (edited !== undefined) return this.grub.editEnvironment(edited.split(" "));
    if (text.includes("ln -sfn ../loader/grub.cfg")) this.grub.makeDynamic();
    if (text.includes(" set sysroot.bootloader none")) this.grub.tellOstree();
    if (text.includes("30_os-prober")) this.grub.makeScripted();
    return ok();
  }
}
