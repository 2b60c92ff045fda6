/** What `migrate-plan` says to a person, and what the command reads and refuses. */
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { migratePlan, planText } from "../../harness/cli/commands/migrate-plan-command.ts";
import {
  containerDeployment,
  deploymentOf,
  everyChange,
  statusOf,
} from "../golden/rpm-ostree-status.ts";
import { planFor, planOf } from "./support/migrate-plan.ts";

describe("the words for a person", () => {
  test("say what is dropped without a word, what refuses, and how to go back", () => {
    const text = planText(planFor(everyChange));
    for (const part of [
      "`bootc upgrade` refuses it (exit code 1, `local rpm-ostree modifications`)",
      "DROPPED by `bootc switch`, which exits 0 and does not say so",
      "layered package: htop, vim-enhanced, pkgconfig(zlib)",
      "package removed from the base: firefox, firefox-langpacks",
      "package of the base replaced from a repository: mesa-libGL-26.1-1.fc43.x86_64 (repo=copr:example)",
      "initramfs: made again on this machine, argument --add-drivers",
      "The RPM files for rpms/local/ (1)",
      "Nothing for vim-enhanced: the base has it.",
      "5. sudo bootc switch REGISTRY/NAME:TAG",
      "8. to go back: sudo rpm-ostree rollback",
      "FROM quay.io/fedora-ostree-desktops/silverblue:43",
    ])
      expect(text).toContain(part);
  });

  test("say of an unchanged host that it needs no image of its own", () => {
    expect(planFor({}).steps[0]).toContain(
      "sudo bootc switch quay.io/fedora-ostree-desktops/silverblue:43 ",
    );
    const text = planText(planOf(statusOf(containerDeployment())));
    expect(text).toContain("1. sudo bootc upgrade ");
    expect(text).not.toContain("DROPPED");
    expect(text).not.toContain("Containerfile:");
  });

  test("say what no list of packages has", () => {
    const { needed } = planFor({
      unlocked: "hotfix",
      "live-replaced": "f".repeat(64),
      cliwrap: true,
      "requested-modules": ["nodejs:16"],
      "requested-base-local-replacements": ["kernel-6.99-1.x86_64"],
    });
    const text = needed.join("\n");
    for (const part of ["unlocked (hotfix)", "A reboot first", "cliwrap", "modules", "One kernel"])
      expect(text).toContain(part);
  });
});

describe("the command", () => {
  const run = async (format: "text" | "json" | "containerfile", ...chunks: string[]) => {
    let said = "";
    const output = { write: (text: string) => (said += text) };
    const input = Readable.from(chunks);
    await migratePlan("-", { format, deployment: "booted" }, { input, output });
    return said;
  };
  const text = JSON.stringify(statusOf(deploymentOf(everyChange)));

  test("reads standard input and prints each format", async () => {
    expect(await run("json", text.slice(0, 50), text.slice(50))).toContain('"isLayered": true');
    expect(await run("containerfile", text)).toMatch(/^# Made by bootgate/);
    expect(await run("text", text)).toMatch(/^Deployment fedora-a/);
  });

  test("prints nothing that a terminal or a CI would obey", async () => {
    const hostile = deploymentOf({
      id: "x\n::error::forged\u001b[2J",
      version: "1\u009b2J\n##[error]forged",
      origin: "evil\u001b[2J\n::error::forged\u202e",
      "base-remote-replacements": { "repo\u001b[2J\n::warning::forged\u009b": ["mesa"] },
    });
    for (const format of ["text", "json", "containerfile"] as const) {
      const said = await run(format, JSON.stringify(statusOf(hostile)));
      expect(said, format).toContain("forged");
      expect(said, format).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(said, format).not.toMatch(/^\s*::|##\[/m);
    }
  });

  test("refuses a terminal, what is too large, what is binary and a file that is not there", async () => {
    await expect(run("text", "x".repeat(17 * 1024 * 1024))).rejects.toThrow(/larger than/);
    await expect(run("text", "a\0b")).rejects.toThrow(/binary/);
    const input = Object.assign(Readable.from([]), { isTTY: true });
    const options = { format: "text", deployment: "booted" } as const;
    const output = { write: () => undefined };
    await expect(migratePlan("-", options, { input, output })).rejects.toThrow(/terminal/);
    await expect(migratePlan("/nowhere/status.json", options)).rejects.toThrow(/does not exist/);
  });
});

describe("which deployment", () => {
  const layered = deploymentOf({ "requested-packages": ["htop"], packages: ["htop"] });
  const staged = deploymentOf(
    { booted: false, staged: true, "requested-packages": ["htop", "tmux"], packages: ["htop"] },
    "d",
  );
  const pending = deploymentOf({ booted: false, "requested-packages": ["htop"] }, "e");

  test("is the booted one, and another one that boots next is told", () => {
    const plan = planOf(statusOf(staged, layered));
    expect(plan.deployment).toMatchObject({ slot: "booted", id: layered["id"] });
    expect(plan.deployment.why).toContain("staged deployment boots next, with OTHER changes");
    expect(plan.containerfile).not.toContain("tmux");
    expect(plan.steps.join("\n")).toContain("ostree admin pin 1 ");
    expect(planOf(statusOf(pending, layered)).deployment.why).toContain(
      "pending deployment boots next, with the same changes",
    );
  });

  test("is the next one where that is asked for", () => {
    const plan = planOf(statusOf(staged, layered), "next");
    expect(plan.deployment).toMatchObject({ slot: "staged", id: staged["id"] });
    expect(plan.containerfile).toContain("dnf -y install htop tmux");
    expect(() => planOf(statusOf(layered), "next")).toThrow(
      /No other deployment than the booted one boots next/,
    );
  });

  test("is the first one where none is booted", () => {
    expect(planOf(statusOf(staged, pending)).deployment).toMatchObject({
      slot: "first",
      id: staged["id"],
    });
  });
});
